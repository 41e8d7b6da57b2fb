// The pre-norm transformer block as one operator. A task takes some examples of the batch through the whole block, so
// that what one product writes is still in its core's cache when the next reads it, and threads meet once instead of at
// every product; only the weights' gradients need the rows of all tasks, and those threads share out by outputs.
#include <torch/library.h>

#include "block.h"

namespace riverrun {
namespace {

// Rows that go through the block together: few enough that their activations stay in a core's cache, and enough that a
// product is worth its preparation.
constexpr int64_t kRows = 512;

struct Shape {
  int64_t batch, positions, channels, hidden, heads;
  bool causal;
  double epsilon, factor;
  std::vector<int64_t> counts;

  int64_t rows() const { return batch * positions; }
  int64_t size() const { return channels / heads; }
  int64_t tasks() const { return exampleTasks(batch); }
  int64_t examples() const { return std::max<int64_t>(1, kRows / positions); }

  // Calls body(task, first example, last example) for every task and part of it.
  template <typename Body>
  void over(const Body& body) const {
    const int64_t parts = tasks();
    at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
      const at::AutoDispatchBelowADInplaceOrView plain;
      for (int64_t task = first; task < last; ++task) {
        const int64_t end = (task + 1) * batch / parts;
        for (int64_t from = task * batch / parts; from < end; from += examples()) {
          body(task, from, std::min(end, from + examples()));
        }
      }
    });
  }
};

// The rows of some examples of a matrix with one row a position.
Tensor rowsOf(const Tensor& all, const Shape& shape, int64_t first, int64_t last) {
  return all.narrow(0, first * shape.positions, (last - first) * shape.positions);
}

template <typename T>
void normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, const Shape& shape, Tensor& y,
               Tensor& moments) {
  const T *from = x.const_data_ptr<T>(), *w = weight.const_data_ptr<T>(), *b = bias.const_data_ptr<T>();
  T *to = y.data_ptr<T>(), *kept = moments.data_ptr<T>();
  const int64_t n = x.size(1);
  overRows(x.size(0), n, [&](int64_t row) {
    kernels<T>().layerNorm(from + row * n, w, b, T(shape.factor), T(shape.epsilon), to + row * n, kept + 2 * row, n);
  });
}

// Calls body(head of rows, its offset in rows of C, in rows of 3 C and among the sums, scratch) for every head.
template <typename T, typename Body>
void overHeads(const Shape& shape, int64_t first, int64_t last, const T* packed, const T* bias, const Body& body) {
  const int64_t size = shape.size(), channels = shape.channels;
  const auto& table = kernels<T>();
  at::parallel_for(0, (last - first) * shape.heads, 1, [&](int64_t from, int64_t to) {
    std::vector<T> scratch(table.attentionScratch(shape.positions, size));
    for (int64_t index = from; index < to; ++index) {
      const int64_t example = index / shape.heads, head = index % shape.heads;
      const int64_t at = example * shape.positions * channels + head * size;
      const int64_t packedAt = example * shape.positions * 3 * channels + head * size;
      const HeadRows<T> rows{packed + packedAt,
                             bias + head * size,
                             shape.positions,
                             channels,
                             size,
                             shape.counts[first + example],
                             T(1 / std::sqrt(double(size))),
                             shape.causal};
      body(rows, at, packedAt, 2 * index * shape.positions, scratch.data());
    }
  });
}

// out = x + m (h + bias), m absent where nothing is dropped
template <typename T>
void addBranch(const Tensor& x, const Tensor& h, const Tensor& bias, const Tensor& mask, Tensor& out) {
  const int64_t n = x.size(1);
  const T *left = x.const_data_ptr<T>(), *right = h.const_data_ptr<T>(), *shift = bias.const_data_ptr<T>();
  const T* kept = mask.defined() ? mask.const_data_ptr<T>() : nullptr;
  T* to = out.data_ptr<T>();
  overRows(x.size(0), n, [&](int64_t row) {
    const int64_t at = row * n;
    if (kept) kernels<T>().maskedResidual(left + at, right + at, shift, kept + at, to + at, n);
    else kernels<T>().biasResidual(left + at, right + at, shift, to + at, n);
  });
}

struct TransformerBlock : torch::autograd::Function<TransformerBlock> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w0, const Tensor& w1, const Tensor& w2,
                        const Tensor& w3, const Tensor& w4, const Tensor& w5, const Tensor& w6, const Tensor& w7,
                        const Tensor& w8, const Tensor& w9, const Tensor& w10, const Tensor& w11,
                        const std::optional<Tensor>& head, const std::optional<Tensor>& drop1,
                        const std::optional<Tensor>& drop2, const Shape& shape, bool keeps) {
    const variable_list weights{w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11};
    const int64_t rows = shape.rows(), c = shape.channels;
    const Tensor input = x.reshape({rows, c});
    const Tensor mask1 = drop1 ? drop1->reshape({rows, c}) : Tensor(),
                 mask2 = drop2 ? drop2->reshape({rows, c}) : Tensor();
    const auto options = x.options();
    const int64_t outputs = head ? head->size(0) : c;
    Tensor out = at::empty({rows, outputs}, options);
    // What the gradient needs is kept for all rows; without one, every part of a task has rows of its own.
    const auto all = [&](int64_t width) { return keeps ? at::empty({rows, width}, options) : Tensor(); };
    const Tensor norm1 = all(c), moments1 = all(2), packed = all(3 * c), sums = all(2 * shape.heads), mixed = all(c),
                 middle = all(c), norm2 = all(c), moments2 = all(2), inner = all(shape.hidden),
                 active = all(shape.hidden), block = head ? all(c) : Tensor();
    byType(x, [&](auto zero) {
      using T = decltype(zero);
      const auto& table = kernels<T>();
      shape.over([&](int64_t, int64_t first, int64_t last) {
        const int64_t own = (last - first) * shape.positions;
        const auto part = [&](const Tensor& whole, int64_t width) {
          return whole.defined() ? rowsOf(whole, shape, first, last) : at::empty({own, width}, options);
        };
        const auto branch = [&](const Tensor& mask) {
          return mask.defined() ? rowsOf(mask, shape, first, last) : mask;
        };
        const Tensor from = rowsOf(input, shape, first, last);
        Tensor n1 = part(norm1, c), m1 = part(moments1, 2), p = part(packed, 3 * c), s = part(sums, 2 * shape.heads),
               a = part(mixed, c), mid = part(middle, c), n2 = part(norm2, c), m2 = part(moments2, 2),
               h = part(inner, shape.hidden), g = part(active, shape.hidden),
               to = head ? part(block, c) : rowsOf(out, shape, first, last);
        normalise<T>(from, w0, w1, shape, n1, m1);
        at::mm_out(p, n1, weights[kPacked].t());
        T *mixedTo = a.data_ptr<T>(), *sumsTo = s.data_ptr<T>();
        overHeads<T>(shape, first, last, p.const_data_ptr<T>(), w3.const_data_ptr<T>(),
                     [&](const HeadRows<T>& head, int64_t at, int64_t, int64_t sum, T* scratch) {
                       table.attention(head, mixedTo + at, sumsTo + sum, scratch);
                     });
        at::mm_out(to, a, weights[kOut].t());
        addBranch<T>(from, to, w5, branch(mask1), mid);
        normalise<T>(mid, w6, w7, shape, n2, m2);
        at::mm_out(h, n2, weights[kInner].t());
        const T *hidden = h.const_data_ptr<T>(), *shift = w9.const_data_ptr<T>();
        T* act = g.data_ptr<T>();
        overRows(own, shape.hidden, [&](int64_t row) {
          table.biasGelu(hidden + row * shape.hidden, shift, act + row * shape.hidden, shape.hidden);
        });
        at::mm_out(to, g, weights[kOuter].t());
        addBranch<T>(mid, to, w11, branch(mask2), to);
        if (head) {
          Tensor top = rowsOf(out, shape, first, last);
          at::mm_out(top, to, head->t());
        }
      });
    });
    if (keeps) {
      variable_list saved = weights;
      saved.insert(saved.end(), {input, norm1, moments1, packed, sums, mixed, middle, norm2, moments2, inner, active,
                                 mask1, mask2, head ? *head : Tensor(), block});
      context->save_for_backward(saved);
      context->saved_data["sizes"] =
          std::vector<int64_t>{shape.batch, shape.positions, shape.channels, shape.hidden, shape.heads};
      context->saved_data["counts"] = shape.counts;
      context->saved_data["causal"] = shape.causal;
      context->saved_data["numbers"] = std::vector<double>{shape.epsilon, shape.factor};
    }
    return out.view({shape.batch, shape.positions, outputs});
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const auto sizes = context->saved_data["sizes"].toIntVector();
    const auto numbers = context->saved_data["numbers"].toDoubleVector();
    const Shape shape{sizes[0],   sizes[1],   sizes[2],
                      sizes[3],   sizes[4],   context->saved_data["causal"].toBool(),
                      numbers[0], numbers[1], context->saved_data["counts"].toIntVector()};
    const int64_t rows = shape.rows(), c = shape.channels, wide = shape.hidden;
    const Tensor *w = saved.data(), &input = saved[kWeights], &norm1 = w[13], &moments1 = w[14], &packed = w[15],
                 &sums = w[16], &mixed = w[17], &middle = w[18], &norm2 = w[19], &moments2 = w[20], &inner = w[21],
                 &active = w[22], &mask1 = w[23], &mask2 = w[24], &head = w[25], &block = w[26];
    const auto options = input.options();
    const Tensor gresult = gradients[0].contiguous().view({rows, head.defined() ? head.size(0) : c});
    const auto all = [&](int64_t width) { return at::empty({rows, width}, options); };
    Tensor gx = all(c), gmiddle = all(c), ginner = all(wide), gpacked = all(3 * c);
    // Of the block's output, which is the operator's where there is no head.
    Tensor gy = head.defined() ? all(c) : gresult;
    // Gradients of the branches before they are added: those of the sums where nothing is dropped.
    Tensor gbranch1 = mask1.defined() ? all(c) : gmiddle, gbranch2 = mask2.defined() ? all(c) : gy;
    // One row of sums a task: weight and bias of both norms, then the biases of the four products.
    const int64_t columns = 9 * c + wide, tasks = shape.tasks();
    Tensor partial = at::zeros({tasks, columns}, options);
    variable_list results(1 + kWeights + 5);
    byType(input, [&](auto zero) {
      using T = decltype(zero);
      const auto& table = kernels<T>();
      shape.over([&](int64_t task, int64_t first, int64_t last) {
        const int64_t own = (last - first) * shape.positions;
        const auto part = [&](const Tensor& whole) { return rowsOf(whole, shape, first, last); };
        const auto data = [&](const Tensor& whole) {
          return whole.const_data_ptr<T>() + first * shape.positions * whole.size(1);
        };
        const auto target = [&](const Tensor& whole) {
          return whole.data_ptr<T>() + first * shape.positions * whole.size(1);
        };
        T* gnorm1 = partial.data_ptr<T>() + task * columns;
        T *gshift1 = gnorm1 + c, *gnorm2 = gshift1 + c, *gshift2 = gnorm2 + c, *gout = gshift2 + c, *gouter = gout + c,
          *gpackedBias = gouter + c, *ginnerBias = gpackedBias + 3 * c;
        const auto accumulate = [&](const T* from, int64_t width, T* to) {
          for (int64_t row = 0; row < own; ++row) table.accumulate(from + row * width, to, width);
        };
        if (head.defined()) {
          Tensor below = part(gy);
          at::mm_out(below, part(gresult), head);
        }
        if (mask2.defined()) {
          const T *given = data(gy), *kept = data(mask2);
          T* to = target(gbranch2);
          for (int64_t i = 0; i < own * c; ++i) to[i] = given[i] * kept[i];
        }
        accumulate(data(gbranch2), c, gouter);
        Tensor gi = part(ginner), gn = at::empty({own, c}, options), ga = at::empty({own, c}, options);
        at::mm_out(gi, part(gbranch2), w[kOuter]);
        {
          const T *h = data(inner), *shift = w[kInnerBias].const_data_ptr<T>();
          T* to = target(ginner);
          for (int64_t row = 0; row < own; ++row) {
            table.biasGeluBackward(to + row * wide, h + row * wide, shift, to + row * wide, ginnerBias, wide);
          }
        }
        at::mm_out(gn, gi, w[kInner]);
        const auto norm = [&](const Tensor& x, const Tensor& weight, const Tensor& moments, const T* residual, T* to,
                              T* ownWeight, T* ownBias) {
          const T *slope = gn.const_data_ptr<T>(), *from = data(x), *gain = weight.const_data_ptr<T>(),
                  *kept = data(moments);
          for (int64_t row = 0; row < own; ++row) {
            table.layerNormBackward(slope + row * c, from + row * c, gain, T(shape.factor), kept + 2 * row,
                                    residual + row * c, to + row * c, ownWeight, ownBias, c);
          }
        };
        norm(middle, w[kNorm2], moments2, data(gy), target(gmiddle), gnorm2, gshift2);
        if (mask1.defined()) {
          const T *given = data(gmiddle), *kept = data(mask1);
          T* to = target(gbranch1);
          for (int64_t i = 0; i < own * c; ++i) to[i] = given[i] * kept[i];
        }
        accumulate(data(gbranch1), c, gout);
        at::mm_out(ga, part(gbranch1), w[kOut]);
        const T *slopes = ga.const_data_ptr<T>(), *outputs = data(mixed), *logs = data(sums);
        T* toPacked = target(gpacked);
        overHeads<T>(shape, first, last, data(packed), w[kPackedBias].const_data_ptr<T>(),
                     [&](const HeadRows<T>& head, int64_t at, int64_t packedAt, int64_t sum, T* scratch) {
                       table.attentionBackward(head, outputs + at, slopes + at, logs + sum, toPacked + packedAt,
                                               scratch);
                     });
        accumulate(toPacked, 3 * c, gpackedBias);
        at::mm_out(gn, part(gpacked), w[kPacked]);
        norm(input, w[kNorm1], moments1, data(gmiddle), target(gx), gnorm1, gshift1);
      });
    });
    const auto gradientOf = [&](Weight which) -> Tensor& { return results[1 + which]; };
    struct Product {
      Tensor result, slopes, inputs;
    };
    std::vector<Product> products{{at::empty_like(w[kPacked]), gpacked, norm1},
                                  {at::empty_like(w[kOut]), gbranch1, mixed},
                                  {at::empty_like(w[kInner]), ginner, norm2},
                                  {at::empty_like(w[kOuter]), gbranch2, active}};
    gradientOf(kPacked) = products[0].result;
    gradientOf(kOut) = products[1].result;
    gradientOf(kInner) = products[2].result;
    gradientOf(kOuter) = products[3].result;
    if (head.defined()) {
      products.push_back({at::empty_like(head), gresult, block});
      results[1 + kWeights] = products.back().result;
    }
    at::parallel_for(0, tasks, 1, [&](int64_t first, int64_t last) {
      const at::AutoDispatchBelowADInplaceOrView plain;
      for (int64_t task = first; task < last; ++task) {
        for (const auto& one : products) {
          const int64_t outputs = one.slopes.size(1), from = task * outputs / tasks, to = (task + 1) * outputs / tasks;
          if (from == to) continue;
          Tensor place = one.result.narrow(0, from, to - from);
          at::mm_out(place, one.slopes.narrow(1, from, to - from).t(), one.inputs);
        }
      }
    });
    const Tensor total = partial.sum(0);
    int64_t at = 0;
    const auto next = [&](int64_t width) {
      at += width;
      return total.narrow(0, at - width, width);
    };
    results[0] = gx.view({shape.batch, shape.positions, c});
    for (const Weight which : {kNorm1, kShift1, kNorm2, kShift2, kOutBias, kOuterBias}) gradientOf(which) = next(c);
    gradientOf(kPackedBias) = next(3 * c);
    gradientOf(kInnerBias) = next(wide);
    return results;
  }
};

Tensor transformerBlock(const Tensor& givenX, at::TensorList weights, const std::optional<Tensor>& givenHead,
                        const std::optional<Tensor>& drop1, const std::optional<Tensor>& drop2, at::IntArrayRef counts,
                        int64_t heads, bool causal, double epsilon, double factor) {
  demandSupported(givenX);
  demand(givenX.dim() == 3 && heads > 0 && givenX.size(2) % heads == 0,
         "expected an input (B, T, C) with heads that divide C");
  const std::vector<Tensor> w = blockWeights(givenX, weights);
  const int64_t c = givenX.size(2), hidden = w[kInner].size(0);
  bool differentiable = givenX.requires_grad();
  for (const Tensor& one : w) differentiable = differentiable || one.requires_grad();
  Shape shape{givenX.size(0), givenX.size(1), c, hidden, heads, causal, epsilon, factor, counts.vec()};
  demand(static_cast<int64_t>(shape.counts.size()) == shape.batch, "expected one count an example");
  for (const int64_t count : counts) demand(count >= 0 && count <= shape.positions, "a count is out of range");
  std::optional<Tensor> masks[2];
  for (int i = 0; i < 2; ++i) {
    const auto& drop = i ? drop2 : drop1;
    if (!drop) continue;
    demand(drop->sizes() == givenX.sizes() && alike(*drop, givenX),
           "a mask has another shape or dtype than the input");
    masks[i] = drop->contiguous();
  }
  std::optional<Tensor> head;
  if (givenHead) {
    demand(givenHead->dim() == 2 && givenHead->size(1) == c && alike(*givenHead, givenX),
           "the head must be (outputs, C) of the input's dtype");
    head = givenHead->contiguous();
    differentiable = differentiable || head->requires_grad();
  }
  if (givenX.numel() == 0)
    return head ? givenX.new_zeros({shape.batch, shape.positions, head->size(0)}) : givenX.clone();
  return TransformerBlock::apply(givenX.contiguous(), w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10],
                                 w[11], head, masks[0], masks[1], shape, differentiable && c10::GradMode::is_enabled());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(riverrun, library) {
  library.def(
      "transformer_block(Tensor x, Tensor[] weights, Tensor? head, Tensor? drop1, Tensor? drop2, int[] counts, int "
      "heads, bool causal, "
      "float epsilon, float factor) -> Tensor",
      transformerBlock);
}

}  // namespace riverrun
