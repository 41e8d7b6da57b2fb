// Rows of numbers that products read as their left factor: as they are or, where products are in bfloat16, rounded to
// it by whoever makes them, so that no product has to and what a gradient keeps takes half the memory.
#pragma once

#include "fused.h"

namespace riverrun {

inline bool isBf16(const Tensor& x) { return x.scalar_type() == at::kBFloat16; }

// (rows, width), every row as long as an even number of bfloat16.
inline Tensor bf16Rows(int64_t rows, int64_t width, const at::TensorOptions& options) {
  return at::empty({rows, (width + 1) / 2 * 2}, options.dtype(at::kBFloat16)).narrow(1, 0, width);
}

// Where the rows of a matrix are: of T, or of bfloat16.
template <typename T>
struct RowPlaces {
  T* numbers = nullptr;
  uint16_t* halves = nullptr;
  int64_t stride, width;

  explicit RowPlaces(const Tensor& x) : stride(x.stride(0)), width(x.size(1)) {
    if (isBf16(x)) halves = static_cast<uint16_t*>(x.data_ptr());
    else numbers = x.data_ptr<T>();
  }

  // Calls make(to) for numbers of a row from a column on, and rounds them where they must be; `line` has room for them.
  template <typename Make>
  void write(int64_t row, int64_t column, int64_t count, T* line, const Make& make) const {
    if (numbers) {
      make(numbers + row * stride + column);
      return;
    }
    make(line);
    round(row, column, count, line);
  }

  // The numbers of a row from a column on, in `line` where they must be widened.
  const T* read(int64_t row, int64_t column, int64_t count, T* line) const {
    if (numbers) return numbers + row * stride + column;
    if constexpr (std::is_same_v<T, float>) packingKernels().widen(halves + row * stride + column, count, line);
    return line;
  }

  // To the nearest bfloat16; what makes a row even is 0, for products read it.
  void round(int64_t row, int64_t column, int64_t count, const T* from) const {
    if constexpr (std::is_same_v<T, float>) {
      uint16_t* to = halves + row * stride;
      packingKernels().narrow(from, count, to + column);
      if (column + count == width && stride > width) to[width] = 0;
    }
  }
};

// Where a product puts its numbers before they become the rows of x: there or, where those are rounded or not wanted,
// nowhere, for it shows its tiles to whoever makes the rows.
inline Tensor placeOf(const Tensor& x) { return x.defined() && !isBf16(x) ? x : Tensor(); }

// Rounds all rows of `from` into `to`, which is of bfloat16, or nothing where they are one matrix.
inline void roundRows(const Tensor& from, const Tensor& to) {
  if (!isBf16(to)) return;
  const RowPlaces<float> places(to);
  const float* numbers = from.const_data_ptr<float>();
  overRows(from.size(0), places.width,
           [&](int64_t row) { places.round(row, 0, places.width, numbers + row * places.width); });
}

}  // namespace riverrun
