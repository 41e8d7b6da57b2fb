#define VARIANT Baseline
#include "kernels.inc"
