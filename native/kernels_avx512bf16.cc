// Layouts and products, for processors that round to bfloat16 and multiply it in one instruction.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels.h"

namespace riverrun {
namespace {

#include "packing.inc"
#include "tiles.inc"

constexpr TileKernels kTilesTable = {productTile512<FloatFactors>, productTile512<PairFactors>};

}  // namespace

extern const PackingKernels* const kPackingAvx512Bf16;
const PackingKernels* const kPackingAvx512Bf16 = &kPackingTable;
extern const TileKernels* const kTilesAvx512Bf16;
const TileKernels* const kTilesAvx512Bf16 = &kTilesTable;

}  // namespace riverrun
