// The operators of riverrun's own: rows of tensors handed to the kernels of kernels.h, with their gradients. They live
// in the dispatcher beside libtorch's, so they are called, listed and differentiated in the same way. CPU, float32 and
// float64; every one has a composition of libtorch's operators in TypeScript that serves the rest.
#include <torch/library.h>

#include "place.h"

namespace riverrun {

#define RIVERRUN_VARIANT(name)                 \
  extern const Kernels<float>* const kFloat##name; \
  extern const Kernels<double>* const kDouble##name; \
  extern const MixtureKernels* const kMixture##name; \
  extern const PackingKernels* const kPacking##name; \
  extern const TileKernels* const kTiles##name;
RIVERRUN_VARIANT(Baseline)
#ifdef RIVERRUN_X86
RIVERRUN_VARIANT(Avx2)
RIVERRUN_VARIANT(Avx512)
extern const PackingKernels* const kPackingAvx512Bf16;
extern const TileKernels* const kTilesAvx512Bf16;
#endif

// Which compiled variant fits: baseline, AVX2, AVX-512, AVX-512 with bfloat16.
static int widestVectors() {
#ifdef RIVERRUN_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw")) {
    return __builtin_cpu_supports("avx512bf16") ? 3 : 2;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
  return 0;
}

template <typename T>
static const Kernels<T>& choose(const Kernels<T>* const (&variants)[3]) {
  return *variants[std::min(widestVectors(), 2)];
}

#ifndef RIVERRUN_X86
#define kFloatAvx2 kFloatBaseline
#define kFloatAvx512 kFloatBaseline
#define kDoubleAvx2 kDoubleBaseline
#define kDoubleAvx512 kDoubleBaseline
#define kMixtureAvx2 kMixtureBaseline
#define kMixtureAvx512 kMixtureBaseline
#define kPackingAvx2 kPackingBaseline
#define kPackingAvx512 kPackingBaseline
#define kPackingAvx512Bf16 kPackingBaseline
#define kTilesAvx2 kTilesBaseline
#define kTilesAvx512 kTilesBaseline
#define kTilesAvx512Bf16 kTilesBaseline
#endif

template <>
const Kernels<float>& kernels<float>() {
  static const Kernels<float>& chosen = choose<float>({kFloatBaseline, kFloatAvx2, kFloatAvx512});
  return chosen;
}

template <>
const Kernels<double>& kernels<double>() {
  static const Kernels<double>& chosen = choose<double>({kDoubleBaseline, kDoubleAvx2, kDoubleAvx512});
  return chosen;
}

const MixtureKernels& mixtureKernels() {
  static const MixtureKernels* const variants[] = {kMixtureBaseline, kMixtureAvx2, kMixtureAvx512};
  static const MixtureKernels& chosen = *variants[std::min(widestVectors(), 2)];
  return chosen;
}

const PackingKernels& packingKernels() {
  static const PackingKernels* const variants[] = {kPackingBaseline, kPackingAvx2, kPackingAvx512, kPackingAvx512Bf16};
  static const PackingKernels& chosen = *variants[widestVectors()];
  return chosen;
}

const TileKernels& tileKernels() {
  static const TileKernels* const variants[] = {kTilesBaseline, kTilesAvx2, kTilesAvx512, kTilesAvx512Bf16};
  static const TileKernels& chosen = *variants[widestVectors()];
  return chosen;
}

namespace {

struct BiasGelu : torch::autograd::Function<BiasGelu> {
  static Tensor forward(AutogradContext* context, const Tensor& given, const Tensor& bias) {
    demandSupported(given);
    demand(given.dim() > 0, "expected at least one dimension");
    const int64_t n = given.size(-1);
    demand(bias.dim() == 1 && bias.size(0) == n && alike(bias, given),
           "the bias must have one entry a column, of the input's dtype");
    const Tensor h = given.contiguous(), b = bias.contiguous();
    context->save_for_backward({h, b});
    Tensor out = at::empty_like(h);
    byType(h, [&](auto zero) {
      using T = decltype(zero);
      const T* from = h.const_data_ptr<T>();
      const T* shift = b.const_data_ptr<T>();
      T* to = out.data_ptr<T>();
      const auto& table = kernels<T>();
      at::parallel_for(0, rowsOf(h, n), rowsPerTask(n), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) table.biasGelu(from + row * n, shift, to + row * n, n);
      });
    });
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const Tensor &h = saved[0], &b = saved[1];
    const Tensor dy = gradients[0].contiguous();
    const int64_t n = h.size(-1), rows = rowsOf(h, n);
    Tensor dh = at::empty_like(h);
    ColumnSums sums(rows, n, n, h.options());
    byType(h, [&](auto zero) {
      using T = decltype(zero);
      const T *from = h.const_data_ptr<T>(), *shift = b.const_data_ptr<T>(), *grad = dy.const_data_ptr<T>();
      T* to = dh.data_ptr<T>();
      const auto& table = kernels<T>();
      sums.over(rows, [&](int64_t task, int64_t first, int64_t last) {
        T* own = sums.of<T>(task);
        for (int64_t row = first; row < last; ++row) {
          table.biasGeluBackward(grad + row * n, from + row * n, shift, to + row * n, own, n);
        }
      });
    });
    return {dh, sums.total()};
  }
};

struct BiasResidual : torch::autograd::Function<BiasResidual> {
  static Tensor forward(AutogradContext*, const Tensor& givenX, const Tensor& givenH, const Tensor& bias) {
    demandSupported(givenX);
    demand(givenX.dim() > 0, "expected at least one dimension");
    const int64_t n = givenX.size(-1);
    demand(givenH.sizes() == givenX.sizes() && bias.dim() == 1 && bias.size(0) == n &&
               alike(givenH, givenX) && alike(bias, givenX),
           "the two branches must have the same shape, and the bias one entry a column");
    const Tensor x = givenX.contiguous(), h = givenH.contiguous(), b = bias.contiguous();
    Tensor out = at::empty_like(x);
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const T *left = x.const_data_ptr<T>(), *right = h.const_data_ptr<T>(), *shift = b.const_data_ptr<T>();
      T* to = out.data_ptr<T>();
      const auto& table = kernels<T>();
      at::parallel_for(0, rowsOf(x, n), rowsPerTask(n), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) {
          table.biasResidual(left + row * n, right + row * n, shift, to + row * n, n);
        }
      });
    });
    return out;
  }

  static variable_list backward(AutogradContext*, variable_list gradients) {
    demandFirstOrder();
    const Tensor dy = gradients[0].contiguous();
    const int64_t n = dy.size(-1), rows = rowsOf(dy, n);
    ColumnSums sums(rows, n, n, dy.options());
    byType(dy, [&](auto zero) {
      using T = decltype(zero);
      const T* from = dy.const_data_ptr<T>();
      const auto& table = kernels<T>();
      sums.over(rows, [&](int64_t task, int64_t first, int64_t last) {
        T* own = sums.of<T>(task);
        for (int64_t row = first; row < last; ++row) table.accumulate(from + row * n, own, n);
      });
    });
    return {dy, dy, sums.total()};
  }
};

// y = scale x + shift, one entry a column, zero at the positions of a row beyond its count; x (B, T, C).
struct ScaleShift : torch::autograd::Function<ScaleShift> {
  static Tensor forward(AutogradContext* context, const Tensor& givenX, const Tensor& givenScale,
                        const Tensor& givenShift, std::vector<int64_t> counts) {
    demandSupported(givenX);
    demand(givenX.dim() == 3 && static_cast<int64_t>(counts.size()) == givenX.size(0),
           "expected an input (B, T, C) and one count a row");
    const int64_t positions = givenX.size(1), n = givenX.size(2);
    for (const int64_t count : counts) demand(count >= 0 && count <= positions, "a count is out of range");
    for (const Tensor& one : {givenScale, givenShift}) {
      demand(one.dim() == 1 && one.size(0) == n && alike(one, givenX),
             "scale and shift must have one entry a column, of the input's dtype");
    }
    const Tensor x = givenX.contiguous(), scale = givenScale.contiguous(), shift = givenShift.contiguous();
    context->save_for_backward({x, scale});
    context->saved_data["counts"] = counts;
    Tensor y = at::empty_like(x);
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const T *from = x.const_data_ptr<T>(), *s = scale.const_data_ptr<T>(), *a = shift.const_data_ptr<T>();
      T* to = y.data_ptr<T>();
      const auto& table = kernels<T>();
      at::parallel_for(0, x.size(0) * positions, rowsPerTask(n), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) {
          if (row % positions < counts[row / positions]) table.scaleShift(from + row * n, s, a, to + row * n, n);
          else std::fill_n(to + row * n, n, T(0));
        }
      });
    });
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1];
    const auto counts = context->saved_data["counts"].toIntVector();
    const Tensor gy = gradients[0].contiguous();
    const int64_t positions = x.size(1), n = x.size(2), rows = x.size(0) * positions;
    Tensor gx = at::empty_like(x);
    ColumnSums scales(rows, n, n, x.options()), shifts(rows, n, n, x.options());
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const T *from = x.const_data_ptr<T>(), *s = scale.const_data_ptr<T>(), *grad = gy.const_data_ptr<T>();
      T* to = gx.data_ptr<T>();
      const auto& table = kernels<T>();
      scales.over(rows, [&](int64_t task, int64_t first, int64_t last) {
        T *ownScale = scales.of<T>(task), *ownShift = shifts.of<T>(task);
        for (int64_t row = first; row < last; ++row) {
          if (row % positions < counts[row / positions]) {
            table.scaleShiftBackward(grad + row * n, from + row * n, s, to + row * n, ownScale, ownShift, n);
          } else {
            std::fill_n(to + row * n, n, T(0));
          }
        }
      });
    });
    return {gx, scales.total(), shifts.total(), Tensor()};
  }
};

// (B, T, C) to its seen and its changed part, each contiguous; the gradient is put together in one pass, where views
// would fill with zeros and add.
struct CouplingSplit : torch::autograd::Function<CouplingSplit> {
  static variable_list forward(AutogradContext* context, const Tensor& given, std::vector<int64_t> numbers,
                               int64_t changed, int64_t width) {
    demandSupported(given);
    const Place place = Place::of(numbers, changed, width);
    demand(given.dim() == 3 && given.size(1) == place.positions && given.size(2) == place.channels,
           "the place was made for an input of another shape");
    context->saved_data["place"] = std::vector<int64_t>{numbers};
    context->saved_data["part"] = std::vector<int64_t>{given.size(0), changed, width};
    const Tensor x = given.contiguous();
    Tensor seenPart = at::empty({x.size(0), place.seenRows(), place.seenWidth()}, x.options());
    Tensor changedPart = at::empty({x.size(0), changed, width}, x.options());
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const T* from = x.const_data_ptr<T>();
      T *seen = seenPart.data_ptr<T>(), *to = changedPart.data_ptr<T>();
      at::parallel_for(0, x.size(0), rowsPerTask(place.size()), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) {
          const T* whole = from + row * place.size();
          T* own = seen + row * place.seenRows() * place.seenWidth();
          place.eachSeen([&](int64_t at, int64_t part, int64_t n) { std::copy_n(whole + at, n, own + part); });
          for (int64_t j = 0; j < changed; ++j) {
            std::copy_n(whole + place.changedAt(j), width, to + (row * changed + j) * width);
          }
        }
      });
    });
    return {seenPart, changedPart};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto part = context->saved_data["part"].toIntVector();
    const int64_t batch = part[0], changed = part[1], width = part[2];
    const Place place = Place::of(context->saved_data["place"].toIntVector(), changed, width);
    const auto options = (gradients[0].defined() ? gradients[0] : gradients[1]).options();
    const auto orZero = [&](const Tensor& gradient, int64_t rows, int64_t columns) {
      return gradient.defined() ? gradient.contiguous() : at::zeros({batch, rows, columns}, options);
    };
    const Tensor gseen = orZero(gradients[0], place.seenRows(), place.seenWidth());
    const Tensor gchanged = orZero(gradients[1], changed, width);
    Tensor gx = at::empty({batch, place.positions, place.channels}, options);
    byType(gx, [&](auto zero) {
      using T = decltype(zero);
      const T *seen = gseen.const_data_ptr<T>(), *from = gchanged.const_data_ptr<T>();
      T* to = gx.data_ptr<T>();
      at::parallel_for(0, batch, rowsPerTask(place.size()), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) {
          T* whole = to + row * place.size();
          const T* own = seen + row * place.seenRows() * place.seenWidth();
          place.eachSeen([&](int64_t at, int64_t part, int64_t n) { std::copy_n(own + part, n, whole + at); });
          for (int64_t j = 0; j < changed; ++j) {
            std::copy_n(from + (row * changed + j) * width, width, whole + place.changedAt(j));
          }
        }
      });
    });
    return {gx, Tensor(), Tensor(), Tensor()};
  }
};

// The whole output of a coupling from its two parts: the seen one as it is, the changed one transformed.
struct AffineCoupling : torch::autograd::Function<AffineCoupling> {
  static variable_list forward(AutogradContext* context, const Tensor& givenSeen, const Tensor& givenChanged,
                               const Tensor& givenNetwork, const std::optional<Tensor>& bias,
                               const std::optional<Tensor>& gain, std::vector<int64_t> counts,
                               std::vector<int64_t> numbers, int64_t map, double bound, bool inverse) {
    demandSupported(givenChanged);
    demand(givenSeen.dim() == 3 && givenChanged.dim() == 3 && givenNetwork.dim() == 3,
           "expected a seen part, a changed part and a network's output of three dimensions");
    const int64_t batch = givenChanged.size(0), changed = givenChanged.size(1), width = givenChanged.size(2);
    const Place place = Place::of(numbers, changed, width);
    demand(givenSeen.size(0) == batch && givenSeen.size(1) == place.seenRows() &&
               givenSeen.size(2) == place.seenWidth() && givenNetwork.size(0) == batch &&
               givenNetwork.size(1) == changed && givenNetwork.size(2) == 2 * width &&
               alike(givenSeen, givenChanged) &&
               alike(givenNetwork, givenChanged),
           "expected parts that make up the input and a network's output (B, T', 2 N), all of one dtype");
    demand(bias.has_value() == gain.has_value(), "bias and gain come together or not at all");
    demand(static_cast<int64_t>(counts.size()) == batch, "expected one count a row");
    for (const int64_t count : counts) demand(count >= 0 && count <= changed, "a count is out of range");
    demand(map == 0 || map == 1, "the scale map is 0 (sigmoid) or 1 (soft clip)");
    demand(map == 0 || bound > 0, "the soft clip's bound must be positive");
    const Tensor seen = givenSeen.contiguous(), x = givenChanged.contiguous(), network = givenNetwork.contiguous();
    Tensor b, factor;
    if (bias) {
      b = bias->contiguous();
      factor = gain->mul(3).exp_().contiguous();
      demand(b.dim() == 1 && b.size(0) == 2 * width && alike(b, x) &&
                 factor.sizes() == b.sizes() && alike(factor, x),
             "bias and gain must have one entry a column of the network's output");
    }
    Tensor y = at::empty({batch, place.positions, place.channels}, x.options());
    Tensor logDet = at::zeros({batch}, x.options().dtype(at::kDouble));
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const T *from = x.const_data_ptr<T>(), *kept = seen.const_data_ptr<T>(), *net = network.const_data_ptr<T>();
      T* to = y.data_ptr<T>();
      double* sums = logDet.data_ptr<double>();
      const auto& table = kernels<T>();
      const CouplingRow<T> shared{nullptr, b.defined() ? b.const_data_ptr<T>() : nullptr,
                                  factor.defined() ? factor.const_data_ptr<T>() : nullptr, width,
                                  static_cast<ScaleMap>(map), static_cast<T>(bound)};
      at::parallel_for(0, batch, rowsPerTask(place.size()), [&](int64_t first, int64_t last) {
        for (int64_t row = first; row < last; ++row) {
          T* whole = to + row * place.size();
          const T* own = kept + row * place.seenRows() * place.seenWidth();
          place.eachSeen([&](int64_t at, int64_t part, int64_t n) { std::copy_n(own + part, n, whole + at); });
          for (int64_t j = 0; j < changed; ++j) {
            T* result = whole + place.changedAt(j);
            if (j >= counts[row]) {
              std::fill_n(result, width, T(0));
              continue;
            }
            CouplingRow<T> one = shared;
            one.network = net + (row * changed + j) * 2 * width;
            sums[row] += table.coupling(one, from + (row * changed + j) * width, result, inverse);
          }
          if (inverse) sums[row] = -sums[row];
        }
      });
    });
    context->save_for_backward({x, network, b, factor});
    context->saved_data["counts"] = counts;
    context->saved_data["place"] = numbers;
    context->saved_data["map"] = map;
    context->saved_data["inverse"] = inverse;
    context->saved_data["bound"] = bound;
    return {y, logDet};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &network = saved[1], &b = saved[2], &factor = saved[3];
    const auto counts = context->saved_data["counts"].toIntVector();
    const bool inverse = context->saved_data["inverse"].toBool();
    const int64_t batch = x.size(0), changed = x.size(1), width = x.size(2), columns = 2 * width;
    const Place place = Place::of(context->saved_data["place"].toIntVector(), changed, width);
    const Tensor gy = gradients[0].defined() ? gradients[0].contiguous()
                                             : at::zeros({batch, place.positions, place.channels}, x.options());
    const Tensor gl = gradients[1].defined() ? gradients[1].to(at::kDouble).contiguous()
                                             : at::zeros({batch}, x.options().dtype(at::kDouble));
    Tensor gseen = at::empty({batch, place.seenRows(), place.seenWidth()}, x.options());
    Tensor gx = at::empty_like(x), gnetwork = at::empty_like(network);
    ColumnSums biasSums(batch, place.size(), factor.defined() ? columns : 0, x.options());
    ColumnSums gainSums(batch, place.size(), factor.defined() ? columns : 0, x.options());
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const T *from = x.const_data_ptr<T>(), *net = network.const_data_ptr<T>(), *grad = gy.const_data_ptr<T>();
      T *to = gx.data_ptr<T>(), *toSeen = gseen.data_ptr<T>(), *toNetwork = gnetwork.data_ptr<T>();
      const double* gradLog = gl.const_data_ptr<double>();
      const auto& table = kernels<T>();
      const CouplingRow<T> shared{nullptr, b.defined() ? b.const_data_ptr<T>() : nullptr,
                                  factor.defined() ? factor.const_data_ptr<T>() : nullptr, width,
                                  static_cast<ScaleMap>(context->saved_data["map"].toInt()),
                                  static_cast<T>(context->saved_data["bound"].toDouble())};
      biasSums.over(batch, [&](int64_t task, int64_t first, int64_t last) {
        T* ownBias = factor.defined() ? biasSums.of<T>(task) : nullptr;
        T* ownGain = factor.defined() ? gainSums.of<T>(task) : nullptr;
        for (int64_t row = first; row < last; ++row) {
          const T* whole = grad + row * place.size();
          T* own = toSeen + row * place.seenRows() * place.seenWidth();
          place.eachSeen([&](int64_t at, int64_t part, int64_t n) { std::copy_n(whole + at, n, own + part); });
          const T sign = static_cast<T>(inverse ? -gradLog[row] : gradLog[row]);
          for (int64_t j = 0; j < changed; ++j) {
            const int64_t at = row * changed + j;
            T *result = to + at * width, *network = toNetwork + at * columns;
            if (j >= counts[row]) {
              std::fill_n(result, width, T(0));
              std::fill_n(network, columns, T(0));
              continue;
            }
            CouplingRow<T> one = shared;
            one.network = net + at * columns;
            table.couplingBackward(one, from + at * width, whole + place.changedAt(j), sign, inverse, result, network,
                                   ownBias, ownGain);
          }
        }
      });
    });
    const Tensor none;
    return {gseen, gx,   gnetwork, factor.defined() ? biasSums.total() : none,
            factor.defined() ? gainSums.total() : none, none, none, none, none, none};
  }
};

Tensor biasGelu(const Tensor& h, const Tensor& bias) { return BiasGelu::apply(h, bias); }

Tensor biasResidual(const Tensor& x, const Tensor& h, const Tensor& bias) { return BiasResidual::apply(x, h, bias); }

Tensor scaleShift(const Tensor& x, const Tensor& scale, const Tensor& shift, at::IntArrayRef counts) {
  return ScaleShift::apply(x, scale, shift, counts.vec());
}

std::tuple<Tensor, Tensor> couplingSplit(const Tensor& x, at::IntArrayRef place, int64_t changed, int64_t width) {
  const auto results = CouplingSplit::apply(x, place.vec(), changed, width);
  return {results[0], results[1]};
}

std::tuple<Tensor, Tensor> affineCoupling(const Tensor& seen, const Tensor& changed, const Tensor& network,
                                          const std::optional<Tensor>& bias, const std::optional<Tensor>& gain,
                                          at::IntArrayRef counts, at::IntArrayRef place, int64_t map, double bound,
                                          bool inverse) {
  const auto results =
      AffineCoupling::apply(seen, changed, network, bias, gain, counts.vec(), place.vec(), map, bound, inverse);
  return {results[0], results[1]};
}

}  // namespace

TORCH_LIBRARY(riverrun, library) {
  library.def("bias_gelu(Tensor h, Tensor bias) -> Tensor", biasGelu);
  library.def("bias_residual(Tensor x, Tensor h, Tensor bias) -> Tensor", biasResidual);
  library.def("scale_shift(Tensor x, Tensor scale, Tensor shift, int[] counts) -> Tensor", scaleShift);
  library.def("coupling_split(Tensor x, int[] place, int changed, int width) -> (Tensor, Tensor)", couplingSplit);
  library.def(
      "affine_coupling(Tensor seen, Tensor changed, Tensor network, Tensor? bias, Tensor? gain, int[] counts, "
      "int[] place, int map, float bound, bool inverse) -> (Tensor, Tensor)",
      affineCoupling);
}

}  // namespace riverrun
