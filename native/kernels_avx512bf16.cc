// The layouts alone, for processors that round to bfloat16 in one instruction.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels.h"

namespace riverrun {
namespace {

#include "packing.inc"

}  // namespace

extern const PackingKernels* const kPackingAvx512Bf16;
const PackingKernels* const kPackingAvx512Bf16 = &kPackingTable;

}  // namespace riverrun
