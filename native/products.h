// Products of a layer's rows with its parameters on oneDNN's micro-kernels, which libtorch offers as brgemm: a tile of
// rows and columns is multiplied while both are in a core's cache, and what comes next is done to it before it leaves.
// Numbers are float32; kBf16 rounds the factors to bfloat16 and adds up in float32. Where there is no such kernel
// (other processors, float64, few rows, older libtorch), libtorch's own products.
#pragma once

#include "fused.h"

namespace riverrun {

enum class Products { kLibrary, kFloat, kBf16 };

// Whether products in bfloat16 run on this machine.
bool hasBf16Products();

// What multiplies `rows` rows of x's dtype. @throws where bf16 is asked for and not there
Products productsFor(const Tensor& x, int64_t rows, bool bf16);

// What multiplies by a right factor of x's dtype that lies as it is wanted, so that even few rows pay.
Products productsOfLaidOut(const Tensor& x);

// The right factor B (depth x columns) of a product, in panels of columns.
class RightFactor {
 public:
  // Whether B is the matrix given, or its transpose.
  enum class Of { kMatrix, kTranspose };

  // Takes memory where panels are laid out anew; `pack` fills it.
  RightFactor(const Tensor& matrix, Of of, Products products);

  int64_t depth() const { return depth_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return (columns_ + kPanel - 1) / kPanel; }
  Products products() const { return products_; }

  // The factor as libtorch's products take it.
  Tensor whole() const { return of_ == Of::kMatrix ? matrix_ : matrix_.t(); }

  bool packs() const { return packed_.defined(); }
  void pack(int64_t panel) const;

  // c (rows x the panel's columns) = a (rows x depth) times the panel. Strides count numbers of their own kind; `a` is
  // bfloat16 for kBf16, with a stride of evenDepth and 0 beyond the depth.
  void tile(int64_t rows, const void* a, int64_t aStride, int64_t panel, float* c, int64_t cStride) const;

  int64_t evenDepth() const { return (depth_ + 1) / 2 * 2; }

  static constexpr int64_t kPanel = 64;

 private:
  Tensor matrix_, packed_;
  Of of_;
  Products products_;
  int64_t depth_, columns_;
};

// Ends a thread's tiles of bfloat16, whose registers other kernels set up differently.
void endTiles(Products products);

// Lays out all panels, shared out among the threads; null factors have none.
void packAll(std::initializer_list<const RightFactor*> factors);

// Rows a tile: what is left over in multiples of 16 and one rest, so that few sizes of kernels are ever made.
inline int64_t tileHeight(int64_t left) { return left >= 64 ? 64 : left >= 16 ? left / 16 * 16 : left; }

// The left factor of a product: rows x depth.
class LeftFactor {
 public:
  LeftFactor(const Tensor& rows, Products products);
  const void* row(int64_t row) const;
  int64_t stride() const { return stride_; }

 private:
  Tensor numbers_;
  int64_t stride_;
};

// c = a B, and then finish(first row, last row, first column, last column) for every tile of it.
template <typename Finish>
void multiply(const Tensor& a, const RightFactor& b, Tensor& c, const Finish& finish) {
  if (b.products() == Products::kLibrary) {
    at::mm_out(c, a, b.whole());
    finish(0, c.size(0), 0, c.size(1));
    return;
  }
  const LeftFactor left(a, b.products());
  const int64_t rows = c.size(0), columns = c.size(1);
  float* to = c.data_ptr<float>();
  at::parallel_for(0, b.panels(), 1, [&](int64_t first, int64_t last) {
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t column = panel * RightFactor::kPanel;
      for (int64_t row = 0, height; row < rows; row += height) {
        height = tileHeight(rows - row);
        b.tile(height, left.row(row), left.stride(), panel, to + row * columns + column, columns);
        finish(row, row + height, column, std::min(columns, column + RightFactor::kPanel));
      }
    }
    endTiles(b.products());
  });
}

inline void multiply(const Tensor& a, const RightFactor& b, Tensor& c) {
  multiply(a, b, c, [](int64_t, int64_t, int64_t, int64_t) {});
}

// Rows first..last-1 of c (outputs x inputs) = slopes^T B, slopes (rows x outputs) and B (rows x inputs): the gradient
// of a parameter.
void outerProduct(const Tensor& slopes, const RightFactor& b, const Tensor& c, int64_t first, int64_t last);

}  // namespace riverrun
