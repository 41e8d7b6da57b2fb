// What the linear maps of a flow are made of: a matrix from its triangular factors, and the log-determinant of a map
// that does the same at every position. Composed of libtorch's operators each is ten calls on a few numbers, forward
// and backward, while every other core waits.
#include <torch/library.h>

#include "fused.h"

namespace riverrun {
namespace {

// W = L U, row i of the result being row order_i of W: L is what lower (N, N) has below its diagonal and 1 on it, U
// what upper has above it with the given diagonal (n), both of the leading n x n block.
struct LuProduct : torch::autograd::Function<LuProduct> {
  // L (n x n) and U (n x wide).
  template <typename T>
  struct Factors {
    int64_t n, wide;
    std::vector<T> l, u;

    Factors(const Tensor& lower, const Tensor& upper, const Tensor& diagonal)
        : n(diagonal.size(0)), wide(wholeVectors<T>(n)), l(n * n), u(n * wide) {
      const T *below = lower.const_data_ptr<T>(), *above = upper.const_data_ptr<T>(), *d = diagonal.const_data_ptr<T>();
      const int64_t size = lower.size(1);
      for (int64_t i = 0; i < n; ++i) {
        std::copy_n(below + i * size, i, l.data() + i * n);
        l[i * n + i] = 1;
        u[i * wide + i] = d[i];
        std::copy(above + i * size + i + 1, above + i * size + n, u.data() + i * wide + i + 1);
      }
    }
  };

  static Tensor forward(AutogradContext* context, const Tensor& givenLower, const Tensor& givenUpper,
                        const Tensor& givenDiagonal, const std::optional<Tensor>& givenOrder) {
    demandSupported(givenLower);
    const int64_t n = givenDiagonal.dim() == 1 ? givenDiagonal.size(0) : -1;
    demand(n >= 0 && givenLower.dim() == 2 && givenLower.size(0) == givenLower.size(1) && givenLower.size(0) >= n &&
               givenUpper.sizes() == givenLower.sizes() && alike(givenUpper, givenLower) &&
               alike(givenDiagonal, givenLower),
           "expected square factors of one size and dtype, and a diagonal that is no longer");
    const Tensor lower = givenLower.contiguous(), upper = givenUpper.contiguous(),
                 diagonal = givenDiagonal.contiguous();
    Tensor order;
    if (givenOrder) {
      order = givenOrder->contiguous();
      demand(order.scalar_type() == at::kLong && order.device().is_cpu() && order.dim() == 1 && order.size(0) == n,
             "the order must be n integers");
      std::vector<bool> met(n);
      for (int64_t i = 0; i < n; ++i) {
        const int64_t row = order.const_data_ptr<int64_t>()[i];
        demand(row >= 0 && row < n && !met[row], "the order must name every row once");
        met[row] = true;
      }
    }
    context->save_for_backward({lower, upper, diagonal, order});
    Tensor w = at::empty({n, n}, lower.options());
    byType(lower, [&](auto zero) {
      using T = decltype(zero);
      const Factors<T> factors(lower, upper, diagonal);
      const int64_t wide = factors.wide;
      std::vector<T> all(n * wide);
      kernels<T>().product(n, wide, n, factors.l.data(), n, 1, factors.u.data(), wide, all.data(), wide, false);
      for (int64_t i = 0; i < n; ++i) std::copy_n(all.data() + rowOf(order, i) * wide, n, w.data_ptr<T>() + i * n);
    });
    return w;
  }

  static int64_t rowOf(const Tensor& order, int64_t i) {
    return order.defined() ? order.const_data_ptr<int64_t>()[i] : i;
  }

  // The gradient of L is G U^T below the diagonal, that of U L^T G above it and on it.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const Tensor &lower = saved[0], &upper = saved[1], &diagonal = saved[2], &order = saved[3];
    const Tensor gw = gradients[0].contiguous();
    const int64_t n = diagonal.size(0), size = lower.size(1);
    Tensor glower = at::zeros_like(lower), gupper = at::zeros_like(upper), gdiagonal = at::empty_like(diagonal);
    byType(lower, [&](auto zero) {
      using T = decltype(zero);
      const Factors<T> factors(lower, upper, diagonal);
      const int64_t wide = factors.wide;
      const auto& table = kernels<T>();
      std::vector<T> g(n * wide), turned(n * wide), result(n * wide);
      for (int64_t i = 0; i < n; ++i) std::copy_n(gw.const_data_ptr<T>() + i * n, n, g.data() + rowOf(order, i) * wide);
      table.transposed(factors.u.data(), n, n, wide, turned.data(), wide);
      table.product(n, wide, n, g.data(), wide, 1, turned.data(), wide, result.data(), wide, false);
      T *toLower = glower.data_ptr<T>(), *toUpper = gupper.data_ptr<T>(), *toDiagonal = gdiagonal.data_ptr<T>();
      for (int64_t i = 0; i < n; ++i) std::copy_n(result.data() + i * wide, i, toLower + i * size);
      table.product(n, wide, n, factors.l.data(), 1, n, g.data(), wide, result.data(), wide, false);
      for (int64_t i = 0; i < n; ++i) {
        const T* row = result.data() + i * wide;
        toDiagonal[i] = row[i];
        std::copy(row + i + 1, row + n, toUpper + i * size + i + 1);
      }
    });
    return {glower, gupper, gdiagonal, Tensor()};
  }
};

// n_b sum_c ln|s_c|, or n_b sum_c s_c of values that are logarithms already: (B) in float64.
struct ScalesLogDet : torch::autograd::Function<ScalesLogDet> {
  static Tensor forward(AutogradContext* context, const Tensor& given, const std::vector<int64_t>& counts,
                        bool logarithms) {
    demandSupported(given);
    const Tensor scales = given.contiguous();
    context->save_for_backward({scales});
    context->saved_data["counts"] = counts;
    context->saved_data["logarithms"] = logarithms;
    Tensor results = at::empty({static_cast<int64_t>(counts.size())}, scales.options().dtype(at::kDouble));
    byType(scales, [&](auto zero) {
      using T = decltype(zero);
      const T* from = scales.const_data_ptr<T>();
      double sum = 0;
      for (int64_t i = 0; i < scales.numel(); ++i) sum += logarithms ? from[i] : std::log(std::abs(from[i]));
      for (size_t b = 0; b < counts.size(); ++b) results.data_ptr<double>()[b] = double(counts[b]) * sum;
    });
    return results;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const Tensor scales = context->get_saved_variables()[0];
    const auto counts = context->saved_data["counts"].toIntVector();
    const bool logarithms = context->saved_data["logarithms"].toBool();
    const Tensor slopes = gradients[0].contiguous();
    double slope = 0;
    for (size_t b = 0; b < counts.size(); ++b) slope += double(counts[b]) * slopes.const_data_ptr<double>()[b];
    Tensor gscales = at::empty_like(scales);
    byType(scales, [&](auto zero) {
      using T = decltype(zero);
      const T* from = scales.const_data_ptr<T>();
      T* to = gscales.data_ptr<T>();
      for (int64_t i = 0; i < scales.numel(); ++i) to[i] = static_cast<T>(logarithms ? slope : slope / double(from[i]));
    });
    return {gscales, Tensor(), Tensor()};
  }
};

Tensor luProduct(const Tensor& lower, const Tensor& upper, const Tensor& diagonal, const std::optional<Tensor>& order) {
  return LuProduct::apply(lower, upper, diagonal, order);
}

Tensor scalesLogDet(const Tensor& scales, at::IntArrayRef counts, bool logarithms) {
  return ScalesLogDet::apply(scales, counts.vec(), logarithms);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(riverrun, library) {
  library.def("lu_product(Tensor lower, Tensor upper, Tensor diagonal, Tensor? order=None) -> Tensor", luProduct);
  library.def("scales_log_det(Tensor scales, int[] counts, bool logarithms) -> Tensor", scalesLogDet);
}

}  // namespace riverrun
