#define VARIANT Avx2
#include "kernels.inc"
