// What decoding from left to right does at one position: the transformer block with its cache, words drawn from logits,
// and the Rosenblatt map of a mixture. Each takes all rows in one call; none records a graph.
#include <torch/library.h>

#include "block.h"

namespace riverrun {
namespace {

void demandNoGradient(const Tensor& x, at::TensorList others) {
  if (!c10::GradMode::is_enabled()) return;
  bool none = !x.requires_grad();
  for (const Tensor& one : others) none = none && !one.requires_grad();
  demand(none, "no gradient flows through this operator: call it where none is recorded");
}

// x (R, C) of one position goes through a pre-norm block; its keys and values are written at `position` of the caches
// (R, heads, capacity, size), and it attends to them and those before.
template <typename T>
Tensor stepOf(const Tensor& x, const std::vector<Tensor>& w, const Tensor& keys, const Tensor& values, int64_t position,
              double epsilon, double factor) {
  const auto& table = kernels<T>();
  const int64_t rows = x.size(0), c = x.size(1), hidden = w[kInner].size(0), heads = keys.size(1),
                capacity = keys.size(2), size = keys.size(3);
  const auto options = x.options();
  const auto data = [](const Tensor& from) { return from.const_data_ptr<T>(); };
  Tensor normal = at::empty({rows, c}, options), packed = at::empty({rows, 3 * c}, options),
         mixed = at::empty({rows, c}, options), middle = at::empty({rows, c}, options),
         inner = at::empty({rows, hidden}, options), out = at::empty({rows, c}, options);
  const auto normalise = [&](const Tensor& from, Weight weight) {
    const T *input = data(from), *gain = data(w[weight]), *shift = data(w[weight + 1]);
    T* to = normal.data_ptr<T>();
    overRows(rows, c, [&](int64_t row) {
      T moments[2];
      table.layerNorm(input + row * c, gain, shift, T(factor), T(epsilon), to + row * c, moments, c);
    });
  };
  const auto add = [&](const Tensor& from, const Tensor& branch, Weight bias, Tensor& into) {
    const T *left = data(from), *right = data(branch), *shift = data(w[bias]);
    T* to = into.data_ptr<T>();
    overRows(rows, c, [&](int64_t row) {
      table.biasResidual(left + row * c, right + row * c, shift, to + row * c, c);
    });
  };
  normalise(x, kNorm1);
  at::mm_out(packed, normal, w[kPacked].t());
  {
    const T *bias = data(w[kPackedBias]), *from = data(packed);
    T *allKeys = keys.data_ptr<T>(), *allValues = values.data_ptr<T>(), *to = mixed.data_ptr<T>();
    const T scale = T(1 / std::sqrt(double(size)));
    at::parallel_for(0, rows * heads, rowsPerTask(2 * (position + 1) * size), [&](int64_t first, int64_t last) {
      std::vector<T> scratch(size + position + 1);
      T* query = scratch.data();
      for (int64_t index = first; index < last; ++index) {
        const int64_t row = index / heads, offset = index % heads * size;
        const T *own = from + row * 3 * c + offset, *shift = bias + offset;
        T *ownKeys = allKeys + index * capacity * size, *ownValues = allValues + index * capacity * size;
        for (int64_t e = 0; e < size; ++e) query[e] = own[e] + shift[e];
        for (int64_t e = 0; e < size; ++e) ownKeys[position * size + e] = own[c + e] + shift[c + e];
        for (int64_t e = 0; e < size; ++e) ownValues[position * size + e] = own[2 * c + e] + shift[2 * c + e];
        table.attendOne(query, ownKeys, ownValues, position + 1, size, scale, to + row * c + offset, query + size);
      }
    });
  }
  at::mm_out(normal, mixed, w[kOut].t());
  add(x, normal, kOutBias, middle);
  normalise(middle, kNorm2);
  at::mm_out(inner, normal, w[kInner].t());
  {
    const T* bias = data(w[kInnerBias]);
    T* active = inner.data_ptr<T>();
    overRows(rows, hidden, [&](int64_t row) {
      table.biasGelu(active + row * hidden, bias, active + row * hidden, hidden);
    });
  }
  at::mm_out(normal, inner, w[kOuter].t());
  add(middle, normal, kOuterBias, out);
  return out;
}

Tensor transformerStep(const Tensor& givenX, at::TensorList weights, Tensor keys, Tensor values, int64_t position,
                       double epsilon, double factor) {
  demandSupported(givenX);
  demandNoGradient(givenX, weights);
  demand(givenX.dim() == 3 && givenX.size(1) == 1, "expected one position of an input, (R, 1, C)");
  const int64_t c = givenX.size(2);
  const std::vector<Tensor> w = blockWeights(givenX, weights);
  for (const Tensor& cache : {keys, values}) {
    TORCH_CHECK(cache.dim() == 4 && cache.sizes() == keys.sizes() && cache.size(0) == givenX.size(0) &&
                    cache.size(1) * cache.size(3) == c && cache.is_contiguous() && cache.device().is_cpu() &&
                    alike(cache, givenX),
                "a cache is ", cache.sizes(), ", expected contiguous (R, heads, capacity, size) of the input's ",
                givenX.size(0), " rows, ", c, " channels and dtype");
  }
  TORCH_CHECK(position >= 0 && position < keys.size(2), "position ", position, " is beyond the cache's ", keys.size(2));
  if (givenX.numel() == 0) return givenX.clone();
  const at::AutoDispatchBelowADInplaceOrView plain;
  const Tensor x = givenX.contiguous().view({givenX.size(0), c});
  Tensor out;
  byType(x, [&](auto zero) { out = stepOf<decltype(zero)>(x, w, keys, values, position, epsilon, factor); });
  return out.view({givenX.size(0), 1, c});
}

// One index a row of logits (R, V), at uniform numbers of [0, 1).
Tensor draw(const Tensor& givenLogits, at::ArrayRef<double> uniforms, double temperature) {
  demandSupported(givenLogits);
  demand(givenLogits.dim() == 2 && givenLogits.size(1) > 0, "expected logits (R, V) of at least one word");
  const int64_t rows = givenLogits.size(0), count = givenLogits.size(1);
  TORCH_CHECK(static_cast<int64_t>(uniforms.size()) == rows, "expected ", rows, " uniform numbers, got ",
              uniforms.size());
  demand(temperature >= 0, "the temperature is negative");
  const at::AutoDispatchBelowADInplaceOrView plain;
  const Tensor logits = givenLogits.contiguous();
  Tensor drawn = at::empty({rows}, logits.options().dtype(at::kLong));
  int64_t* to = drawn.data_ptr<int64_t>();
  byType(logits, [&](auto zero) {
    using T = decltype(zero);
    const auto& table = kernels<T>();
    const T* from = logits.const_data_ptr<T>();
    at::parallel_for(0, rows, rowsPerTask(count), [&](int64_t first, int64_t last) {
      std::vector<double> scratch(table.drawScratch(count));
      for (int64_t row = first; row < last; ++row) {
        to[row] = table.draw(from + row * count, count, temperature, uniforms[row], scratch.data());
      }
    });
  });
  return drawn;
}

// Points (N, C) to normal numbers or back, for mixtures of weights e^logPi (N, V) around means (C, V).
std::tuple<Tensor, Tensor> mapMixture(const Tensor& givenPoints, const Tensor& givenLogPi, const Tensor& givenMeans,
                                      double sigma, bool inverse) {
  for (const Tensor& one : {givenPoints, givenLogPi, givenMeans}) {
    TORCH_CHECK(one.device().is_cpu() && one.scalar_type() == at::kDouble && one.dim() == 2,
                "expected matrices in float64 on the CPU, got ", one.scalar_type(), " ", one.sizes(), " on ",
                one.device());
  }
  demandNoGradient(givenPoints, {givenLogPi, givenMeans});
  const int64_t rows = givenPoints.size(0), channels = givenPoints.size(1), count = givenMeans.size(1);
  TORCH_CHECK(givenLogPi.size(0) == rows && givenLogPi.size(1) == count && givenMeans.size(0) == channels && count > 0,
              "points ", givenPoints.sizes(), ", weights ", givenLogPi.sizes(), " and means ", givenMeans.sizes(),
              ": expected (N, C), (N, V) and (C, V)");
  demand(sigma > 0, "the deviation is not positive");
  const at::AutoDispatchBelowADInplaceOrView plain;
  const Tensor points = givenPoints.contiguous(), logPi = givenLogPi.contiguous(), means = givenMeans.contiguous();
  Tensor out = at::empty_like(points), logDet = at::empty({rows}, points.options());
  const auto& table = mixtureKernels();
  const MixtureShape shape{means.const_data_ptr<double>(), count, channels, sigma};
  const double *from = points.const_data_ptr<double>(), *weights = logPi.const_data_ptr<double>();
  double *to = out.data_ptr<double>(), *sums = logDet.data_ptr<double>();
  // Rows take very different times: each is a task.
  at::parallel_for(0, rows, 1, [&](int64_t first, int64_t last) {
    std::vector<double> scratch(table.scratch(count));
    for (int64_t row = first; row < last; ++row) {
      sums[row] = (inverse ? table.decode : table.encode)(shape, weights + row * count, from + row * channels,
                                                          to + row * channels, scratch.data());
    }
  });
  return {out, logDet};
}

std::tuple<Tensor, Tensor> mixtureEncode(const Tensor& x, const Tensor& logPi, const Tensor& means, double sigma) {
  return mapMixture(x, logPi, means, sigma, false);
}

std::tuple<Tensor, Tensor> mixtureDecode(const Tensor& y, const Tensor& logPi, const Tensor& means, double sigma) {
  return mapMixture(y, logPi, means, sigma, true);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(riverrun, library) {
  library.def(
      "transformer_step(Tensor x, Tensor[] weights, Tensor(a!) keys, Tensor(b!) values, int position, float epsilon, "
      "float factor) -> Tensor",
      transformerStep);
  library.def("draw(Tensor logits, float[] uniforms, float temperature) -> Tensor", draw);
  library.def("mixture_encode(Tensor x, Tensor log_pi, Tensor means, float sigma) -> (Tensor, Tensor)", mixtureEncode);
  library.def("mixture_decode(Tensor y, Tensor log_pi, Tensor means, float sigma) -> (Tensor, Tensor)", mixtureDecode);
}

}  // namespace riverrun
