// Maps over time, y_b = W x_b for every example b; W (T', T), x (B, T, C). What stands around such a map in a flow step
// over time is done to an example while it is in a core's cache: ActNorm before it, after it the split for the
// coupling. Products are those of kernels.h, for W is small and every example has a product of its own.
#include <torch/library.h>

#include "place.h"

namespace riverrun {
namespace {

// What all examples share. Rows of scratch memory are `wide`, whole vectors, with 0 beyond the channels.
template <typename T>
struct Map {
  const T* matrix;
  int64_t rows, positions, channels;
  const T *scale, *shift;  // z = scale x + shift is mapped; null: x itself
  const Kernels<T>& table = kernels<T>();

  int64_t wide() const { return wholeVectors<T>(channels); }
  int64_t across() const { return wholeVectors<T>(positions); }

  // The first `count` positions as they are mapped.
  void normalise(const T* x, int64_t count, T* z) const {
    for (int64_t t = 0; t < count; ++t) {
      T* row = z + t * wide();
      if (scale) table.scaleShift(x + t * channels, scale, shift, row, channels);
      else std::copy_n(x + t * channels, channels, row);
      std::fill(row + channels, row + wide(), T(0));
    }
  }

  int64_t scratch() const { return (positions + rows) * wide(); }

  // The first `results` rows of W z, of whose rows `count` are not 0.
  const T* forward(const T* x, int64_t results, int64_t count, T* scratch) const {
    T *z = scratch, *y = scratch + positions * wide();
    normalise(x, count, z);
    table.product(results, wide(), count, matrix, positions, 1, z, wide(), y, wide(), false);
    return y;
  }

  int64_t backwardScratch() const { return (rows + 2 * positions) * wide() + channels * across(); }

  // Gradients from that of the first `results` rows, which stands at the start of the scratch memory. Those of W (rows
  // x across) and, where there is a scale, of it and of the shift are added to.
  void backward(const T* x, int64_t results, int64_t count, T* scratch, T* gx, T* gmatrix, T* gscale, T* gshift) const {
    const T* g = scratch;
    T *gz = scratch + rows * wide(), *z = gz + positions * wide(), *turned = z + positions * wide();
    table.product(count, wide(), results, matrix, 1, positions, g, wide(), gz, wide(), false);
    normalise(x, count, z);
    table.transposed(z, count, channels, wide(), turned, across());
    table.product(results, wholeVectors<T>(count), channels, g, wide(), 1, turned, across(), gmatrix, across(), true);
    for (int64_t t = 0; t < count; ++t) {
      const T* slope = gz + t * wide();
      T* to = gx + t * channels;
      if (scale) table.scaleShiftBackward(slope, x + t * channels, scale, to, gscale, gshift, channels);
      else std::copy_n(slope, channels, to);
    }
    std::fill(gx + count * channels, gx + positions * channels, T(0));
  }
};

// The results' rows, in one tensor or shared out to the two parts of a coupling.
template <typename Number>
struct Parts {
  std::vector<Number*> numbers;
  std::vector<int64_t> sizes;                   // of an example
  std::vector<std::pair<int64_t, int64_t>> of;  // for each row: the part and its row there
  int64_t channels;

  Number* row(int64_t example, int64_t t) const {
    const auto [part, at] = of[t];
    return numbers[part] ? numbers[part] + example * sizes[part] + at * channels : nullptr;
  }
};

std::vector<std::pair<int64_t, int64_t>> rowsOfParts(int64_t rows, const std::optional<Place>& place) {
  std::vector<std::pair<int64_t, int64_t>> of;
  int64_t seen = 0;
  for (int64_t t = 0; t < rows; ++t) {
    const int64_t j = place ? place->changedIndex(t) : -1;
    if (j >= 0) of.emplace_back(1, j);
    else of.emplace_back(0, seen++);
  }
  return of;
}

// How many tasks a batch is shared out to: a product uses one thread.
int64_t tasksFor(int64_t batch) { return std::clamp<int64_t>(batch, 1, threadsHere()); }

// Calls body(task, first example, end), every task with examples of its own and in order, so that sums do not depend on
// threads.
template <typename Body>
void overExamples(int64_t batch, int64_t tasks, const Body& body) {
  at::parallel_for(0, tasks, 1, [&](int64_t first, int64_t last) {
    const at::AutoDispatchBelowADInplaceOrView plain;
    for (int64_t task = first; task < last; ++task) body(task, task * batch / tasks, (task + 1) * batch / tasks);
  });
}

// y = m W (m s (x + b)) with m the first `counts` positions of an example, in the two parts of `place`; where there is
// no scale, W x as one tensor.
struct TimeMap : torch::autograd::Function<TimeMap> {
  static variable_list forward(AutogradContext* context, const Tensor& givenX, const Tensor& givenW,
                               const std::optional<Tensor>& givenScale, const std::optional<Tensor>& givenBias,
                               const std::vector<int64_t>& counts, const std::vector<int64_t>& numbers,
                               int64_t changed) {
    demandSupported(givenX);
    demand(givenW.dim() == 2 && givenX.dim() == 3 && givenW.size(1) == givenX.size(1) && alike(givenW, givenX),
           "expected a matrix (T', T) and an input (B, T, C) of one dtype");
    const Tensor w = givenW.contiguous(), x = givenX.contiguous();
    const int64_t batch = x.size(0), rows = w.size(0), positions = x.size(1), channels = x.size(2);
    Tensor scale, bias, shift;
    std::optional<Place> place;
    if (givenScale) {
      demand(rows == positions && static_cast<int64_t>(counts.size()) == batch,
             "expected a square matrix and one count a row");
      for (const int64_t count : counts) demand(count >= 0 && count <= positions, "a count is out of range");
      for (const Tensor& one : {*givenScale, *givenBias}) {
        demand(one.dim() == 1 && one.size(0) == channels && alike(one, x),
               "scale and bias must have one entry a column, of the input's dtype");
      }
      scale = givenScale->contiguous(), bias = givenBias->contiguous(), shift = scale.mul(bias);
      place = Place::of(numbers, changed, channels);
      demand(place->positions == positions && place->channels == channels,
             "the place was made for an input of another shape");
    }
    context->save_for_backward({x, w, scale, bias, shift});
    context->saved_data["counts"] = counts;
    context->saved_data["place"] = numbers;
    context->saved_data["changed"] = changed;
    variable_list results{at::empty({batch, place ? place->seenRows() : rows, channels}, x.options())};
    if (place) results.push_back(at::empty({batch, changed, channels}, x.options()));
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const Map<T> map = mapOf<T>(x, w, scale, shift);
      Parts<T> to{{}, {}, rowsOfParts(rows, place), channels};
      for (const Tensor& part : results)
        to.numbers.push_back(part.data_ptr<T>()), to.sizes.push_back(part.size(1) * channels);
      const T* from = x.const_data_ptr<T>();
      overExamples(batch, tasksFor(batch), [&](int64_t, int64_t first, int64_t last) {
        const Tensor scratch = at::empty({map.scratch()}, x.options());
        for (int64_t b = first; b < last; ++b) {
          const int64_t count = counts.empty() ? positions : counts[b], real = counts.empty() ? rows : count;
          const T* y = map.forward(from + b * positions * channels, real, count, scratch.data_ptr<T>());
          for (int64_t t = 0; t < rows; ++t) {
            if (t < real) std::copy_n(y + t * map.wide(), channels, to.row(b, t));
            else std::fill_n(to.row(b, t), channels, T(0));
          }
        }
      });
    });
    return results;
  }

  template <typename T>
  static Map<T> mapOf(const Tensor& x, const Tensor& w, const Tensor& scale, const Tensor& shift) {
    return {w.const_data_ptr<T>(),
            w.size(0),
            x.size(1),
            x.size(2),
            scale.defined() ? scale.const_data_ptr<T>() : nullptr,
            shift.defined() ? shift.const_data_ptr<T>() : nullptr};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], &scale = saved[2], &bias = saved[3], &shift = saved[4];
    const auto counts = context->saved_data["counts"].toIntVector();
    const int64_t batch = x.size(0), rows = w.size(0), positions = x.size(1), channels = x.size(2);
    const int64_t tasks = tasksFor(batch);
    std::optional<Place> place;
    if (scale.defined()) {
      place = Place::of(context->saved_data["place"].toIntVector(), context->saved_data["changed"].toInt(), channels);
    }
    Tensor gx = at::empty_like(x), gw, gscale, gbias;
    for (Tensor& gradient : gradients) gradient = gradient.defined() ? gradient.contiguous() : gradient;
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const Map<T> map = mapOf<T>(x, w, scale, shift);
      Parts<const T> slopes{{}, {}, rowsOfParts(rows, place), channels};
      for (size_t part = 0; part < gradients.size(); ++part) {
        const Tensor& gradient = gradients[part];
        slopes.numbers.push_back(gradient.defined() ? gradient.const_data_ptr<T>() : nullptr);
        slopes.sizes.push_back(gradient.defined() ? gradient.size(1) * channels : 0);
      }
      const T* from = x.const_data_ptr<T>();
      T* to = gx.data_ptr<T>();
      const int64_t matrix = rows * map.across(), columns = matrix + (scale.defined() ? 2 * channels : 0);
      const Tensor sums = at::zeros({tasks, columns}, x.options());
      overExamples(batch, tasks, [&](int64_t task, int64_t first, int64_t last) {
        const Tensor scratch = at::empty({map.backwardScratch()}, x.options());
        T *g = scratch.data_ptr<T>(), *own = sums.data_ptr<T>() + task * columns;
        for (int64_t b = first; b < last; ++b) {
          const int64_t count = counts.empty() ? positions : counts[b], real = counts.empty() ? rows : count;
          for (int64_t t = 0; t < real; ++t) {
            const T* row = slopes.row(b, t);
            T* place = g + t * map.wide();
            if (row) std::copy_n(row, channels, place);
            std::fill(place + (row ? channels : 0), place + map.wide(), T(0));
          }
          map.backward(from + b * positions * channels, real, count, g, to + b * positions * channels, own,
                       own + matrix, own + matrix + channels);
        }
      });
      const Tensor total = sums.sum(0);
      gw = total.narrow(0, 0, matrix).view({rows, map.across()}).narrow(1, 0, positions);
      if (scale.defined()) {
        const Tensor gshift = total.narrow(0, matrix + channels, channels);
        gscale = total.narrow(0, matrix, channels).addcmul(gshift, bias);
        gbias = gshift.mul(scale);
      }
    });
    return {gx, gw, gscale, gbias, Tensor(), Tensor(), Tensor()};
  }
};

Tensor timeMap(const Tensor& w, const Tensor& x) {
  return TimeMap::apply(x, w, std::nullopt, std::nullopt, std::vector<int64_t>{}, std::vector<int64_t>{}, 0)[0];
}

std::tuple<Tensor, Tensor> timeMapParts(const Tensor& x, const Tensor& scale, const Tensor& bias, const Tensor& w,
                                        at::IntArrayRef counts, at::IntArrayRef place, int64_t changed) {
  const auto parts = TimeMap::apply(x, w, std::optional<Tensor>(scale), std::optional<Tensor>(bias), counts.vec(),
                                    place.vec(), changed);
  return {parts[0], parts[1]};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(riverrun, library) {
  library.def("time_map(Tensor w, Tensor x) -> Tensor", timeMap);
  library.def(
      "time_map_parts(Tensor x, Tensor scale, Tensor bias, Tensor w, int[] counts, int[] place, int changed) -> "
      "(Tensor, Tensor)",
      timeMapParts);
}

}  // namespace riverrun
