#include <ATen/Version.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/native/CPUBlas.h>

#include <atomic>

#include "keptPanels.h"

#if defined(__x86_64__) || defined(_M_X64)
#ifdef CPUBLAS_BRGEMM_BF16BF16F32
#define RIVERRUN_LIBRARY_TILES
#endif
#ifdef __GNUC__
#include <cpuid.h>
#endif
#endif

namespace riverrun {
namespace {

// From here on a product pays for the layout of its right factor.
constexpr int64_t kLeastRows = 48;

// Rows of the left factor and a panel of this depth fit a core's second cache together.
constexpr int64_t kDepth = 1024;

void libraryTile(const ProductTile<uint32_t>& tile) {
#ifdef RIVERRUN_LIBRARY_TILES
  using Halves = const at::BFloat16*;
  at::native::cpublas::brgemm(tile.rows, tile.columns, 2 * tile.depth, 2 * tile.aRow, tile.bRow, tile.cRow, tile.add,
                              reinterpret_cast<Halves>(tile.a), reinterpret_cast<Halves>(tile.b), tile.c, true);
#endif
}

// Whether oneDNN makes a kernel. It takes any processor, but falls back to a library's product of every tile where it
// has none, and throws where it is told of a narrower instruction set than there is (ONEDNN_MAX_CPU_ISA).
bool libraryMakesTiles() {
#ifdef RIVERRUN_LIBRARY_TILES
  if (!at::globalContext().userEnabledMkldnn() || at::get_cpu_capability() != "AVX512") return false;
  const std::vector<uint32_t> a(1), b(16);
  std::vector<float> c(16);
  try {
    libraryTile({1, 16, 1, a.data(), 1, 1, b.data(), 16, c.data(), 16, false, nullptr});
    at::native::cpublas::brgemm_release(true);
    return true;
  } catch (const std::exception&) {
  }
#endif
  return false;
}

// Whether the processor multiplies matrices of bfloat16 in tiles, at many times the speed of its vectors.
bool hasMatrixTiles() {
#if defined(RIVERRUN_LIBRARY_TILES) && defined(__GNUC__)
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1);
#else
  return false;
#endif
}

// Whose kernels multiply in bfloat16.
enum class PairTiles { kNone, kOwn, kLibrary };

PairTiles pairTiles() {
  static const PairTiles tiles = [] {
    const bool own = tileKernels().pairs;
    if ((hasMatrixTiles() || !own) && libraryMakesTiles()) return PairTiles::kLibrary;
    return own ? PairTiles::kOwn : PairTiles::kNone;
  }();
  return tiles;
}

// Calls body(i) for 0..count-1: pieces are of different sizes, so a thread takes the next when it is done with one.
template <typename Body>
void shareOut(size_t count, const Body& body) {
  std::atomic<size_t> next{0};
  at::parallel_for(0, std::min<int64_t>(count, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    const at::AutoDispatchBelowADInplaceOrView plain;
    for (size_t i; (i = next++) < count;) body(i);
  });
}

}  // namespace

bool hasBf16Products() { return pairTiles() != PairTiles::kNone; }

bool laysOutAsItGoes(Products products) {
  return products == Products::kFloat || (products == Products::kBf16 && pairTiles() == PairTiles::kOwn);
}

Products productsFor(const Tensor& x, int64_t rows, bool bf16) {
  if (bf16) {
    TORCH_CHECK(x.scalar_type() == at::kFloat, "products in bfloat16 are for float32, got ", x.scalar_type());
    TORCH_CHECK(hasBf16Products(), "this processor or libtorch has no products in bfloat16");
    return Products::kBf16;
  }
  return rows >= kLeastRows && x.scalar_type() == at::kFloat && tileKernels().floats ? Products::kFloat
                                                                                     : Products::kLibrary;
}

RightFactor::RightFactor(const Tensor& matrix, Of of, Products products, std::optional<bool> lasts)
    : matrix_(matrix),
      of_(of),
      products_(products),
      depth_(matrix.size(of == Of::kMatrix ? 0 : 1)),
      columns_(matrix.size(of == Of::kMatrix ? 1 : 0)) {
  const bool direct = products == Products::kLibrary || (products == Products::kFloat && of == Of::kMatrix);
  keeps_ = !direct && lasts.value_or(false);
  if (keeps_) packed_ = KeptPanels::instance().find(matrix, of, products);
  else if (lasts) KeptPanels::instance().drop(matrix);
  waits_ = !direct && !packed_.defined();
}

void RightFactor::pack(int64_t panel, void* to) const {
  const auto& table = packingKernels();
  const int64_t column = panel * kPanel, width = std::min(kPanel, columns_ - column), stride = matrix_.stride(0);
  uint32_t* words = static_cast<uint32_t*>(to);
  if (isBf16(matrix_)) {
    table.pairHalfRows(static_cast<const uint16_t*>(matrix_.const_data_ptr()) + column, stride, depth_, width, words,
                       kPanel);
    return;
  }
  const float* from = matrix_.const_data_ptr<float>();
  if (products_ == Products::kFloat) {
    table.transpose(from + column * stride, stride, width, depth_, static_cast<float*>(to), kPanel);
  } else if (of_ == Of::kTranspose) {
    table.transposePairs(from + column * stride, stride, width, depth_, words, kPanel);
  } else {
    table.pairRows(from + column, stride, depth_, width, words, kPanel);
  }
}

Ahead RightFactor::ahead(int64_t panel) const {
  if (packed_.defined()) {
    return {static_cast<const char*>(packed_.const_data_ptr()) + panel * panelBytes(), panelBytes() / 64, 1, 64};
  }
  const int64_t column = panel * kPanel, width = std::min(kPanel, columns_ - column), size = matrix_.element_size(),
                row = matrix_.stride(0) * size;
  const char* from = static_cast<const char*>(matrix_.const_data_ptr());
  if (of_ == Of::kTranspose) return {from + column * row, (width * row + 63) / 64, 1, 64};
  return {from + column * size, depth_, (width * size + 63) / 64 + 1, row};  // A row begins anywhere in a line.
}

// The depth in pieces.
template <typename Number, typename Kernel>
static void multiplyTile(ProductTile<Number> tile, int64_t most, const Kernel& kernel) {
  for (int64_t left = tile.depth; left > 0; left -= tile.depth) {
    tile.depth = std::min(most, left);
    kernel(tile);
    tile.a += tile.depth * tile.aStep;
    tile.b += tile.depth * tile.bRow;
    tile.add = true;
  }
}

void RightFactor::tile(int64_t rows, const LeftRows& a, int64_t panel, const void* laid, float* c, int64_t cStride,
                       Ahead* ahead) const {
  const int64_t column = panel * kPanel, width = std::min(kPanel, columns_ - column);
  if (depth_ == 0) {
    for (int64_t row = 0; row < rows; ++row) std::fill_n(c + row * cStride, width, 0.0f);
    return;
  }
  if (packed_.defined()) laid = static_cast<const char*>(packed_.const_data_ptr()) + panel * panelBytes();
  if (products_ == Products::kBf16) {
    const auto kernel = pairTiles() == PairTiles::kOwn ? tileKernels().pairs : libraryTile;
    multiplyTile<uint32_t>({rows, width, evenDepth() / 2, static_cast<const uint32_t*>(a.words), a.row, a.step,
                            static_cast<const uint32_t*>(laid), kPanel, c, cStride, false, ahead},
                           kDepth / 2, kernel);
    return;
  }
  const float* b = laid ? static_cast<const float*>(laid) : matrix_.const_data_ptr<float>() + column;
  multiplyTile<float>({rows, width, depth_, static_cast<const float*>(a.words), a.row, a.step, b,
                       laid ? kPanel : matrix_.stride(0), c, cStride, false, ahead},
                      kDepth, tileKernels().floats);
}

void endTiles(Products products) {
#ifdef RIVERRUN_LIBRARY_TILES
  if (products == Products::kBf16 && pairTiles() == PairTiles::kLibrary) at::native::cpublas::brgemm_release(true);
#endif
}

void packAll(const std::vector<RightFactor*>& factors) {
  std::vector<std::pair<const RightFactor*, int64_t>> work;
  for (RightFactor* factor : factors) {
    if (!factor || !factor->waits_) continue;
    const auto options = factor->matrix_.options();
    factor->packed_ = at::empty({factor->panels() * factor->evenDepth() * RightFactor::kPanel},
                                factor->products_ == Products::kBf16 ? options.dtype(at::kBFloat16) : options);
    for (int64_t panel = 0; panel < factor->panels(); ++panel) work.emplace_back(factor, panel);
  }
  shareOut(work.size(), [&](size_t i) {
    const auto& [factor, panel] = work[i];
    factor->pack(panel, static_cast<char*>(factor->packed_.data_ptr()) + panel * factor->panelBytes());
  });
  for (RightFactor* factor : factors) {
    if (!factor || !factor->waits_) continue;
    factor->waits_ = false;
    if (factor->keeps_) {
      KeptPanels::instance().keep(factor->matrix_, factor->of_, factor->products_, factor->packed_);
    }
  }
}

namespace {

// Rows of a result: as many columns of its slopes, `first` and those after it.
struct OuterTile {
  const OuterProduct* product;
  int64_t first;

  int64_t height() const { return std::min(kTileRows, product->slopes.size(1) - first); }

  Ahead ahead() const {
    const Tensor& slopes = product->slopes;
    const int64_t size = slopes.element_size();
    return {static_cast<const char*>(slopes.const_data_ptr()) + first * size, slopes.size(0),
            (height() * size + 63) / 64 + 1, slopes.stride(0) * size};
  }

  // The slopes as the left factor. In float32 they are read where they lie; in bfloat16 two rows are made one of words
  // or, where the library's kernels want the depth along a row, turned.
  LeftRows left(Tensor& room) const {
    const Tensor& slopes = product->slopes;
    if (product->inputs.products() == Products::kFloat) {
      return {slopes.const_data_ptr<float>() + first, 1, slopes.stride(0)};
    }
    const int64_t rows = slopes.size(0), pairs = product->inputs.evenDepth() / 2;
    const bool turned = pairTiles() == PairTiles::kLibrary;
    room = at::empty({pairs * kTileRows}, slopes.options().dtype(at::kInt));
    uint32_t* words = static_cast<uint32_t*>(room.data_ptr());
    const uint16_t* from = static_cast<const uint16_t*>(slopes.const_data_ptr()) + first;
    const auto& table = packingKernels();
    if (turned) table.transposeHalfRowPairs(from, slopes.stride(0), rows, height(), words, pairs);
    else table.pairHalfRows(from, slopes.stride(0), rows, height(), words, kTileRows);
    return turned ? LeftRows{words, pairs, 1} : LeftRows{words, 1, kTileRows};
  }

  void multiply(const OuterTile* next) const {
    const RightFactor& inputs = product->inputs;
    const int64_t columns = inputs.columns();
    Tensor room;
    const LeftRows rows = left(room);
    float* to = product->result.data_ptr<float>() + first * columns;
    for (int64_t panel = 0; panel < inputs.panels(); ++panel) {
      std::optional<Ahead> soon;
      if (panel + 1 < inputs.panels()) soon = inputs.ahead(panel + 1);
      else if (next) soon = next->ahead();
      inputs.tile(height(), rows, panel, nullptr, to + panel * RightFactor::kPanel, columns, soon ? &*soon : nullptr);
    }
    endTiles(inputs.products());
  }
};

}  // namespace

void outerProducts(std::vector<OuterProduct>& products) {
  std::vector<RightFactor*> factors;
  std::vector<OuterTile> work;
  for (OuterProduct& product : products) {
    factors.push_back(&product.inputs);
    if (product.inputs.products() == Products::kLibrary) {
      at::mm_out(product.result, product.slopes.t(), product.inputs.whole());
      continue;
    }
    for (int64_t first = 0; first < product.slopes.size(1); first += kTileRows) work.push_back({&product, first});
  }
  packAll(factors);
  // Which tile a thread takes next is open; most likely the one after those that the others are at.
  const size_t ahead = threadsHere();
  shareOut(work.size(), [&](size_t i) { work[i].multiply(i + ahead < work.size() ? &work[i + ahead] : nullptr); });
}

}  // namespace riverrun
