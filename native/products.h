// Products of a layer's rows with its parameters on the micro-kernels of tiles.inc: a tile of rows and columns is
// multiplied while both are in a core's cache, and what comes next is done to it before it leaves. Numbers are float32;
// kBf16 rounds the factors to bfloat16 and adds up in float32, where a processor multiplies matrices in tiles (AMX) by
// oneDNN's micro-kernels, which libtorch offers as brgemm. Where there is no kernel (other processors, float64, few
// rows), libtorch's own products.
#pragma once

#include "rows.h"

namespace riverrun {

enum class Products { kLibrary, kFloat, kBf16 };

// Whether products in bfloat16 run on this machine.
bool hasBf16Products();

// What multiplies `rows` rows of x's dtype. @throws where bf16 is asked for and not there
Products productsFor(const Tensor& x, int64_t rows, bool bf16);

// Whether a core lays out the panels of such products as it comes to them: in its cache then, and their parameters
// fetched while it multiplies by the panel before.
bool laysOutAsItGoes(Products products);

// The rows of a left factor. Strides count words of 32 bits: a float, or two bfloat16 that follow each other along the
// depth and are 0 beyond it; one of the strides is 1.
struct LeftRows {
  const void* words;
  int64_t row, step;
};

// The right factor B (depth x columns) of a product, in panels of columns.
class RightFactor {
 public:
  // Whether B is the matrix given, or its transpose.
  enum class Of { kMatrix, kTranspose };

  // For kBf16 a kMatrix may be of bfloat16. A parameter that `lasts`, because no training changes it, is laid out once:
  // its panels are kept until it changes or is freed, and given up where it does not last.
  RightFactor(const Tensor& matrix, Of of, Products products, std::optional<bool> lasts = std::nullopt);

  int64_t depth() const { return depth_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return (columns_ + kPanel - 1) / kPanel; }
  Products products() const { return products_; }

  // The factor as libtorch's products take it.
  Tensor whole() const { return of_ == Of::kMatrix ? matrix_ : matrix_.t(); }

  // Whether the panels are laid out nowhere yet: packAll does it for all who read them, or a product for itself.
  bool waits() const { return waits_; }
  int64_t panelBytes() const { return evenDepth() * kPanel * (products_ == Products::kBf16 ? 2 : 4); }
  void pack(int64_t panel, void* to) const;

  // What is read to multiply by a panel.
  Ahead ahead(int64_t panel) const;

  // c (rows x the panel's columns) = a (rows x depth) times the panel, which is at `laid` where it waits.
  void tile(int64_t rows, const LeftRows& a, int64_t panel, const void* laid, float* c, int64_t cStride,
            Ahead* ahead) const;

  int64_t evenDepth() const { return (depth_ + 1) / 2 * 2; }

  static constexpr int64_t kPanel = 64;

 private:
  friend void packAll(const std::vector<RightFactor*>& factors);

  Tensor matrix_, packed_;
  Of of_;
  Products products_;
  int64_t depth_, columns_;
  bool waits_ = false, keeps_ = false;
};

// Ends a thread's tiles of bfloat16, whose registers other kernels set up differently.
void endTiles(Products products);

// Lays out all panels that wait for it, shared out among the threads; null factors have none.
void packAll(const std::vector<RightFactor*>& factors);

constexpr int64_t kTileRows = 64;

// Rows and columns of a product, at `numbers`.
template <typename T>
struct Tile {
  int64_t firstRow, lastRow, column, columns;
  T* numbers;
  int64_t stride;

  // Calls body(row, numbers of that row) for every row.
  template <typename Body>
  void over(const Body& body) const {
    overRows(lastRow - firstRow, columns, [&](int64_t row) { body(firstRow + row, numbers + row * stride); });
  }
};

// c = a B, and finish(tile) for every tile of it while it is in the cache; with no c, tiles are gone after that. `a` is
// of T or, for kBf16, as bf16Rows makes it. `next`, or null, is the right factor of the product after this one.
template <typename T, typename Finish>
void multiply(const Tensor& a, const RightFactor& b, const Tensor& c, const RightFactor* next, const Finish& finish) {
  const int64_t rows = a.size(0), columns = b.columns();
  if (b.products() == Products::kLibrary) {
    Tensor whole = c.defined() ? c : at::empty({rows, columns}, a.options());
    at::mm_out(whole, a, b.whole());
    finish(Tile<T>{0, rows, 0, columns, whole.data_ptr<T>(), columns});
    return;
  }
  if constexpr (std::is_same_v<T, float>) {
    Tensor left = a;
    if (b.products() == Products::kBf16 && !isBf16(a)) roundRows(a, left = bf16Rows(rows, a.size(1), a.options()));
    const char* from = static_cast<const char*>(left.const_data_ptr());
    const int64_t bytes = left.stride(0) * left.element_size();
    float* to = c.defined() ? c.data_ptr<float>() : nullptr;
    at::parallel_for(0, b.panels(), 1, [&](int64_t first, int64_t last) {
      alignas(64) float own[kTileRows * RightFactor::kPanel];
      const Tensor room = b.waits() ? at::empty({b.panelBytes()}, a.options().dtype(at::kByte)) : Tensor();
      void* laid = b.waits() ? room.data_ptr() : nullptr;
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t column = panel * RightFactor::kPanel, width = std::min(columns - column, RightFactor::kPanel);
        if (laid) b.pack(panel, laid);
        std::optional<Ahead> ahead;
        if (panel + 1 < last) ahead = b.ahead(panel + 1);
        else if (next && next->products() == b.products()) ahead = next->ahead(0);
        for (int64_t row = 0, height; row < rows; row += height) {
          height = std::min(kTileRows, rows - row);
          const Tile<T> tile{row,
                             row + height,
                             column,
                             width,
                             to ? to + row * columns + column : own,
                             to ? columns : RightFactor::kPanel};
          b.tile(height, {from + row * bytes, bytes / 4, 1}, panel, laid, tile.numbers, tile.stride,
                 ahead ? &*ahead : nullptr);
          finish(tile);
        }
      }
      endTiles(b.products());
    });
  }
}

template <typename T>
void multiply(const Tensor& a, const RightFactor& b, const Tensor& c, const RightFactor* next) {
  multiply<T>(a, b, c, next, [](const Tile<T>&) {});
}

// result (outputs x inputs) = slopes^T inputs, slopes (rows x outputs) and inputs (rows x inputs): the gradient of a
// parameter. Slopes are of bfloat16 for kBf16.
struct OuterProduct {
  Tensor result, slopes;
  RightFactor inputs;
};

// All of them, tiles shared out among the threads.
void outerProducts(std::vector<OuterProduct>& products);

}  // namespace riverrun
