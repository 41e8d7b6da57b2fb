#define VARIANT Avx512
#include "kernels.inc"
