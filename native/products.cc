#include <ATen/Version.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/native/CPUBlas.h>

#include <atomic>

#include "keptPanels.h"

namespace riverrun {
namespace {

// From here on a product pays for the layout of its right factor.
constexpr int64_t kLeastRows = 48;

// Rows of the left factor and a panel of this depth fit a core's second cache together.
constexpr int64_t kDepth = 1024;

#if defined(CPUBLAS_BRGEMM_F32F32F32) && defined(CPUBLAS_BRGEMM_BF16BF16F32)
#define RIVERRUN_MICRO_KERNELS
#endif

// The micro-kernels take any processor, but fall back to a library's product of every tile where they have none.
bool mayMakeKernels() {
#if defined(RIVERRUN_MICRO_KERNELS) && (defined(__x86_64__) || defined(_M_X64))
  return at::globalContext().userEnabledMkldnn() && at::get_cpu_capability() == "AVX512";
#else
  return false;
#endif
}

void kernel(int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t aStride, const float* b,
            int64_t bStride, float* c, int64_t cStride, bool add) {
#ifdef RIVERRUN_MICRO_KERNELS
  at::native::cpublas::brgemm(rows, columns, depth, aStride, bStride, cStride, add, a, b, c);
#endif
}

void kernel(int64_t rows, int64_t columns, int64_t depth, const at::BFloat16* a, int64_t aStride, const at::BFloat16* b,
            int64_t bStride, float* c, int64_t cStride, bool add) {
#ifdef RIVERRUN_MICRO_KERNELS
  at::native::cpublas::brgemm(rows, columns, depth, aStride, bStride, cStride, add, a, b, c, true);
#endif
}

// Whether oneDNN makes a kernel: told of a narrower instruction set than there is (ONEDNN_MAX_CPU_ISA), it throws.
template <typename Number>
bool makesKernel() {
  const std::vector<Number> a(2), b(2 * 16);
  std::vector<float> c(16);
  try {
    kernel(1, 16, 2, a.data(), 2, b.data(), 16, c.data(), 16, false);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool hasMicroKernels() {
  static const bool has = mayMakeKernels() && makesKernel<float>();
  return has;
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

bool hasBf16Products() {
  static const bool has = mayMakeKernels() && [] {
    const bool makes = makesKernel<at::BFloat16>();
    if (makes) endTiles(Products::kBf16);
    return makes;
  }();
  return has;
}

Products productsFor(const Tensor& x, int64_t rows, bool bf16) {
  if (bf16) {
    TORCH_CHECK(x.scalar_type() == at::kFloat, "products in bfloat16 are for float32, got ", x.scalar_type());
    TORCH_CHECK(hasBf16Products(), "this processor or libtorch has no products in bfloat16");
    return Products::kBf16;
  }
  return rows >= kLeastRows && x.scalar_type() == at::kFloat && hasMicroKernels() ? Products::kFloat
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
  if (waits_) {
    const auto options = matrix.options();
    packed_ = at::empty({panels() * evenDepth() * kPanel},
                        products == Products::kBf16 ? options.dtype(at::kBFloat16) : options);
  }
}

void RightFactor::keep() const {
  if (keeps_) KeptPanels::instance().keep(matrix_, of_, products_, packed_);
}

void RightFactor::pack(int64_t panel) const {
  const auto& table = packingKernels();
  const int64_t column = panel * kPanel, width = std::min(kPanel, columns_ - column), stride = matrix_.stride(0);
  if (isBf16(matrix_)) {
    table.pairHalfRows(static_cast<const uint16_t*>(matrix_.const_data_ptr()) + column, stride, depth_, width,
                       static_cast<uint32_t*>(packed_.data_ptr()) + panel * evenDepth() / 2 * kPanel, kPanel);
    return;
  }
  const float* from = matrix_.const_data_ptr<float>();
  if (products_ == Products::kFloat) {
    table.transpose(from + column * stride, stride, width, depth_,
                    packed_.data_ptr<float>() + panel * evenDepth() * kPanel, kPanel);
    return;
  }
  uint32_t* to = static_cast<uint32_t*>(packed_.data_ptr()) + panel * evenDepth() / 2 * kPanel;
  if (of_ == Of::kTranspose) table.transposePairs(from + column * stride, stride, width, depth_, to, kPanel);
  else table.pairRows(from + column, stride, depth_, width, to, kPanel);
}

template <typename Number>
static void panelTile(int64_t rows, int64_t columns, int64_t depth, const Number* a, int64_t aStride, const Number* b,
                      int64_t bStride, float* c, int64_t cStride) {
  for (int64_t k = 0; k < depth; k += kDepth) {
    kernel(rows, columns, std::min(kDepth, depth - k), a + k, aStride, b + k * bStride, bStride, c, cStride, k > 0);
  }
}

void RightFactor::tile(int64_t rows, const void* a, int64_t aStride, int64_t panel, float* c, int64_t cStride) const {
  const int64_t column = panel * kPanel, width = std::min(kPanel, columns_ - column);
  if (depth_ == 0) {
    for (int64_t row = 0; row < rows; ++row) std::fill_n(c + row * cStride, width, 0.0f);
    return;
  }
  if (products_ == Products::kBf16) {
    panelTile(rows, width, evenDepth(), static_cast<const at::BFloat16*>(a), aStride,
              packed_.const_data_ptr<at::BFloat16>() + panel * evenDepth() * kPanel, kPanel, c, cStride);
    return;
  }
  const bool laidOut = packed_.defined();
  const float* b = laidOut ? packed_.const_data_ptr<float>() + panel * evenDepth() * kPanel
                           : matrix_.const_data_ptr<float>() + column;
  panelTile(rows, width, depth_, static_cast<const float*>(a), aStride, b, laidOut ? kPanel : columns_, c, cStride);
}

void endTiles(Products products) {
#ifdef RIVERRUN_MICRO_KERNELS
  if (products == Products::kBf16) at::native::cpublas::brgemm_release(true);
#endif
}

void packAll(const std::vector<const RightFactor*>& factors) {
  std::vector<std::pair<const RightFactor*, int64_t>> work;
  for (const RightFactor* factor : factors) {
    for (int64_t panel = 0; factor && factor->waits() && panel < factor->panels(); ++panel)
      work.emplace_back(factor, panel);
  }
  shareOut(work.size(), [&](size_t i) { work[i].first->pack(work[i].second); });
  for (const RightFactor* factor : factors) {
    if (factor && factor->waits()) factor->keep();
  }
}

namespace {

// Rows first..first+height-1 of a result, from as many columns of its slopes.
void outerTile(const OuterProduct& product, int64_t first, int64_t height) {
  const auto& [result, slopes, inputs] = product;
  const bool bf16 = inputs.products() == Products::kBf16;
  const int64_t rows = slopes.size(0), columns = inputs.columns(), stride = bf16 ? inputs.evenDepth() : rows;
  const Tensor turned = at::empty({height, stride}, slopes.options().dtype(bf16 ? at::kBFloat16 : at::kFloat));
  void* left = turned.data_ptr();
  if (bf16) {
    packingKernels().transposeHalfRowPairs(static_cast<const uint16_t*>(slopes.const_data_ptr()) + first,
                                           slopes.stride(0), rows, height, static_cast<uint32_t*>(left), stride / 2);
  } else {
    packingKernels().transpose(slopes.const_data_ptr<float>() + first, slopes.stride(0), rows, height,
                               static_cast<float*>(left), stride);
  }
  float* to = result.data_ptr<float>() + first * columns;
  for (int64_t panel = 0; panel < inputs.panels(); ++panel) {
    inputs.tile(height, left, stride, panel, to + panel * RightFactor::kPanel, columns);
  }
  endTiles(inputs.products());
}

}  // namespace

void outerProducts(const std::vector<OuterProduct>& products) {
  std::vector<const RightFactor*> factors;
  struct Work {
    const OuterProduct* product;
    int64_t first, height;
  };
  std::vector<Work> work;
  for (const OuterProduct& product : products) {
    factors.push_back(&product.inputs);
    const int64_t outputs = product.slopes.size(1);
    if (product.inputs.products() == Products::kLibrary) {
      Tensor place = product.result;
      at::mm_out(place, product.slopes.t(), product.inputs.whole());
      continue;
    }
    for (int64_t first = 0; first < outputs; first += kTileRows) {
      work.push_back({&product, first, std::min(kTileRows, outputs - first)});
    }
  }
  packAll(factors);
  shareOut(work.size(), [&](size_t i) { outerTile(*work[i].product, work[i].first, work[i].height); });
}

}  // namespace riverrun
