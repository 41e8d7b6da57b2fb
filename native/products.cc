#include <ATen/Version.h>
#include <ATen/native/CPUBlas.h>

#include "products.h"

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
bool hasMicroKernels() {
#if defined(RIVERRUN_MICRO_KERNELS) && (defined(__x86_64__) || defined(_M_X64))
  static const bool has = at::globalContext().userEnabledMkldnn() && at::get_cpu_capability() == "AVX512";
  return has;
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

}  // namespace

bool hasBf16Products() { return hasMicroKernels(); }

Products productsFor(const Tensor& x, int64_t rows, bool bf16) {
  if (bf16) {
    TORCH_CHECK(x.scalar_type() == at::kFloat, "products in bfloat16 are for float32, got ", x.scalar_type());
    TORCH_CHECK(hasBf16Products(), "this processor or libtorch has no products in bfloat16");
    return Products::kBf16;
  }
  return rows >= kLeastRows ? productsOfLaidOut(x) : Products::kLibrary;
}

Products productsOfLaidOut(const Tensor& x) {
  return x.scalar_type() == at::kFloat && hasMicroKernels() ? Products::kFloat : Products::kLibrary;
}

RightFactor::RightFactor(const Tensor& matrix, Of of, Products products)
    : matrix_(matrix),
      of_(of),
      products_(products),
      depth_(matrix.size(of == Of::kMatrix ? 0 : 1)),
      columns_(matrix.size(of == Of::kMatrix ? 1 : 0)) {
  const bool direct = products == Products::kLibrary || (products == Products::kFloat && of == Of::kMatrix);
  if (!direct) {
    const auto options = matrix.options();
    packed_ = at::empty({panels() * evenDepth() * kPanel},
                        products == Products::kBf16 ? options.dtype(at::kBFloat16) : options);
  }
}

void RightFactor::pack(int64_t panel) const {
  const auto& table = packingKernels();
  const float* from = matrix_.const_data_ptr<float>();
  const int64_t column = panel * kPanel, width = std::min(kPanel, columns_ - column), stride = matrix_.size(1);
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
  if (products_ == Products::kBf16) {
    panelTile(rows, width, evenDepth(), static_cast<const at::BFloat16*>(a), aStride,
              packed_.const_data_ptr<at::BFloat16>() + panel * evenDepth() * kPanel, kPanel, c, cStride);
    return;
  }
  const float* b = packs() ? packed_.const_data_ptr<float>() + panel * evenDepth() * kPanel
                           : matrix_.const_data_ptr<float>() + column;
  panelTile(rows, width, depth_, static_cast<const float*>(a), aStride, b, packs() ? kPanel : columns_, c, cStride);
}

void endTiles(Products products) {
#ifdef RIVERRUN_MICRO_KERNELS
  if (products == Products::kBf16) at::native::cpublas::brgemm_release(true);
#endif
}

void packAll(std::initializer_list<const RightFactor*> factors) {
  std::vector<std::pair<const RightFactor*, int64_t>> work;
  for (const RightFactor* factor : factors) {
    for (int64_t panel = 0; factor && factor->packs() && panel < factor->panels(); ++panel)
      work.emplace_back(factor, panel);
  }
  at::parallel_for(0, int64_t(work.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) work[i].first->pack(work[i].second);
  });
}

LeftFactor::LeftFactor(const Tensor& rows, Products products) : numbers_(rows), stride_(rows.size(1)) {
  if (products != Products::kBf16) return;
  const int64_t count = rows.size(0), depth = rows.size(1);
  stride_ = (depth + 1) / 2 * 2;
  numbers_ = at::empty({count, stride_}, rows.options().dtype(at::kBFloat16));
  const float* from = rows.const_data_ptr<float>();
  uint16_t* to = static_cast<uint16_t*>(numbers_.data_ptr());
  overRows(count, depth, [&](int64_t row) {
    packingKernels().narrow(from + row * depth, depth, to + row * stride_);
    if (stride_ > depth) to[row * stride_ + depth] = 0;
  });
}

const void* LeftFactor::row(int64_t row) const {
  return static_cast<const char*>(numbers_.const_data_ptr()) + row * stride_ * numbers_.element_size();
}

void outerProduct(const Tensor& slopes, const RightFactor& b, const Tensor& c, int64_t first, int64_t last) {
  if (first == last) return;
  if (b.products() == Products::kLibrary) {
    Tensor place = c.narrow(0, first, last - first);
    at::mm_out(place, slopes.narrow(1, first, last - first).t(), b.whole());
    return;
  }
  const bool bf16 = b.products() == Products::kBf16;
  const int64_t rows = slopes.size(0), outputs = slopes.size(1), inputs = b.columns(),
                stride = bf16 ? b.evenDepth() : rows;
  const Tensor turned = at::empty({64, stride}, slopes.options().dtype(bf16 ? at::kBFloat16 : at::kFloat));
  void* left = turned.data_ptr();
  for (int64_t output = first, height; output < last; output += height) {
    height = tileHeight(last - output);
    const float* from = slopes.const_data_ptr<float>() + output;
    if (bf16) packingKernels().transposeRowPairs(from, outputs, rows, height, static_cast<uint32_t*>(left), stride / 2);
    else packingKernels().transpose(from, outputs, rows, height, static_cast<float*>(left), stride);
    for (int64_t panel = 0; panel < b.panels(); ++panel) {
      b.tile(height, left, stride, panel, c.data_ptr<float>() + output * inputs + panel * RightFactor::kPanel, inputs);
    }
  }
  endTiles(b.products());
}

}  // namespace riverrun
