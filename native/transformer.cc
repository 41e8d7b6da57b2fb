// The pre-norm transformer block as one operator. A task takes some examples of the batch through the whole block, so
// that what one product writes is still in its core's cache when the next reads it, and threads meet once instead of at
// every product; only the weights' gradients need the rows of all tasks, and those threads share out by outputs.
#include <torch/library.h>

#include "block.h"
#include "products.h"

namespace riverrun {
namespace {

// Rows that go through the block together: few enough that their activations stay in a core's cache, and enough that a
// product is worth its preparation.
constexpr int64_t kRows = 512;

struct Shape {
  int64_t batch, positions, channels, hidden, heads;
  bool causal;
  double epsilon, factor;
  bool bf16;
  std::vector<int64_t> counts;

  int64_t rows() const { return batch * positions; }
  int64_t size() const { return channels / heads; }
  // One a thread where there are enough examples; otherwise one, whose products use the threads.
  int64_t tasks() const { return batch < threadsHere() ? 1 : threadsHere(); }
  int64_t examples() const { return std::max<int64_t>(1, kRows / positions); }
  // Parts that a task takes its examples in.
  int64_t parts() const {
    const int64_t most = (batch + tasks() - 1) / tasks();
    return (most + examples() - 1) / examples();
  }

  // Whether parameters are laid out once for all tasks, and not by each of them as it comes to them.
  bool laysOutFirst(Products products) const { return parts() > 1 || !laysOutAsItGoes(products); }

  // Room for what products read as a factor.
  Tensor factorRows(int64_t count, int64_t width, const at::TensorOptions& options) const {
    return bf16 ? bf16Rows(count, width, options) : at::empty({count, width}, options);
  }

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

// y = LayerNorm(x), of T or of bfloat16
template <typename T>
void normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, const Shape& shape, const Tensor& y,
               const Tensor& moments) {
  const T *from = x.const_data_ptr<T>(), *w = weight.const_data_ptr<T>(), *b = bias.const_data_ptr<T>();
  T* kept = moments.data_ptr<T>();
  const RowPlaces<T> to(y);
  const int64_t n = x.size(1);
  at::parallel_for(0, x.size(0), rowsPerTask(n), [&](int64_t first, int64_t last) {
    std::vector<T> line(to.numbers ? 0 : n);
    for (int64_t row = first; row < last; ++row) {
      to.write(row, 0, n, line.data(), [&](T* place) {
        kernels<T>().layerNorm(from + row * n, w, b, T(shape.factor), T(shape.epsilon), place, kept + 2 * row, n);
      });
    }
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

// Room for a row of a tile whose numbers are rounded: there, no tile is wider than a panel.
template <typename T>
struct Line {
  alignas(64) T numbers[RightFactor::kPanel];
};

// out = x + m (h + bias) for a tile h of a product, m absent where nothing is dropped; out of T or of bfloat16
template <typename T>
void addBranch(const Tile<T>& tile, const Tensor& x, const Tensor& bias, const Tensor& mask, const Tensor& out) {
  const T *left = x.const_data_ptr<T>(), *shift = bias.const_data_ptr<T>() + tile.column;
  const T* kept = mask.defined() ? mask.const_data_ptr<T>() : nullptr;
  const RowPlaces<T> places(out);
  const int64_t width = x.size(1);
  tile.over([&](int64_t row, const T* right) {
    const int64_t at = row * width + tile.column;
    Line<T> line;
    places.write(row, tile.column, tile.columns, line.numbers, [&](T* to) {
      if (kept) kernels<T>().maskedResidual(left + at, right, shift, kept + at, to, tile.columns);
      else kernels<T>().biasResidual(left + at, right, shift, to, tile.columns);
    });
  });
}

// What a gradient needs of the way forward, for all rows; nothing of it is defined where no gradient is asked for. What
// only products read is of bfloat16 where they are, and so is what GELU was applied to.
struct Kept {
  Tensor norm1, moments1, packed, sums, mixed, middle, norm2, moments2, inner, active, block;

  Kept() = default;
  Kept(const Shape& shape, bool hasHead, const at::TensorOptions& options) {
    const int64_t c = shape.channels;
    const auto all = [&](int64_t width) { return at::empty({shape.rows(), width}, options); };
    const auto factor = [&](int64_t width) { return shape.factorRows(shape.rows(), width, options); };
    norm1 = factor(c), moments1 = all(2), packed = all(3 * c), sums = all(2 * shape.heads), mixed = all(c);
    middle = all(c), norm2 = factor(c), moments2 = all(2), inner = factor(shape.hidden), active = factor(shape.hidden);
    if (hasHead) block = factor(c);
  }

  variable_list list() const {
    return {norm1, moments1, packed, sums, mixed, middle, norm2, moments2, inner, active, block};
  }

  explicit Kept(const Tensor* from)
      : norm1(from[0]),
        moments1(from[1]),
        packed(from[2]),
        sums(from[3]),
        mixed(from[4]),
        middle(from[5]),
        norm2(from[6]),
        moments2(from[7]),
        inner(from[8]),
        active(from[9]),
        block(from[10]) {}

  static constexpr int kCount = 11;
};

// The block's input, (rows, C), its parameters, its head and what its branches are multiplied by, undefined where
// absent.
struct Inputs {
  Tensor x;
  variable_list w;
  Tensor head, mask1, mask2;
};

// The way forward: `out`, and all of `kept` where it is defined; otherwise every part of a task has rows of its own.
// Parameters last where no gradient is asked for: nothing changes them soon.
void run(const Shape& shape, const Inputs& given, Tensor& out, const Kept& kept, bool lasts) {
  const int64_t c = shape.channels;
  const auto options = given.x.options();
  const auto& w = given.w;
  const Products products = productsFor(given.x, shape.rows(), shape.bf16);
  const auto right = [&](const Tensor& matrix) {
    return RightFactor(matrix, RightFactor::Of::kTranspose, products, lasts);
  };
  RightFactor toPacked = right(w[kPacked]), toOut = right(w[kOut]), toInner = right(w[kInner]),
              toOuter = right(w[kOuter]);
  std::optional<RightFactor> toHead;
  if (given.head.defined()) toHead = right(given.head);
  if (lasts || shape.laysOutFirst(products)) {
    packAll({&toPacked, &toOut, &toInner, &toOuter, toHead ? &*toHead : nullptr});
  }
  byType(given.x, [&](auto zero) {
    using T = decltype(zero);
    const auto& table = kernels<T>();
    shape.over([&](int64_t, int64_t first, int64_t last) {
      const int64_t own = (last - first) * shape.positions;
      const auto of = [&](const Tensor& whole) { return whole.defined() ? rowsOf(whole, shape, first, last) : whole; };
      const auto part = [&](const Tensor& whole, int64_t width) {
        return whole.defined() ? of(whole) : at::empty({own, width}, options);
      };
      const auto factor = [&](const Tensor& whole, int64_t width) {
        return whole.defined() ? of(whole) : shape.factorRows(own, width, options);
      };
      const Tensor from = of(given.x), top = of(out);
      const Tensor n1 = factor(kept.norm1, c), m1 = part(kept.moments1, 2), p = part(kept.packed, 3 * c),
                   s = part(kept.sums, 2 * shape.heads), a = part(kept.mixed, c), mid = part(kept.middle, c),
                   n2 = factor(kept.norm2, c), m2 = part(kept.moments2, 2), h = of(kept.inner),
                   g = factor(kept.active, shape.hidden), to = toHead ? factor(kept.block, c) : top;
      normalise<T>(from, w[kNorm1], w[kShift1], shape, n1, m1);
      multiply<T>(n1, toPacked, p, &toOut);
      T *mixedTo = a.data_ptr<T>(), *sumsTo = s.data_ptr<T>();
      overHeads<T>(shape, first, last, p.const_data_ptr<T>(), w[kPackedBias].const_data_ptr<T>(),
                   [&](const HeadRows<T>& head, int64_t at, int64_t, int64_t sum, T* scratch) {
                     table.attention(head, mixedTo + at, sumsTo + sum, scratch);
                   });
      const Tensor mask1 = of(given.mask1), mask2 = of(given.mask2);
      multiply<T>(a, toOut, mid, &toInner,
                  [&](const Tile<T>& tile) { addBranch<T>(tile, from, w[kOutBias], mask1, mid); });
      normalise<T>(mid, w[kNorm2], w[kShift2], shape, n2, m2);
      const T* shift = w[kInnerBias].const_data_ptr<T>();
      const RowPlaces<T> active(g);
      std::optional<RowPlaces<T>> rounded;
      if (h.defined() && isBf16(h)) rounded.emplace(h);
      multiply<T>(n2, toInner, placeOf(h), &toOuter, [&](const Tile<T>& tile) {
        tile.over([&](int64_t row, const T* hidden) {
          if (rounded) rounded->round(row, tile.column, tile.columns, hidden);
          Line<T> line;
          active.write(row, tile.column, tile.columns, line.numbers,
                       [&](T* act) { table.biasGelu(hidden, shift + tile.column, act, tile.columns); });
        });
      });
      multiply<T>(g, toOuter, placeOf(to), toHead ? &*toHead : nullptr,
                  [&](const Tile<T>& tile) { addBranch<T>(tile, mid, w[kOuterBias], mask2, to); });
      if (toHead) multiply<T>(to, *toHead, top, nullptr);
    });
  });
}

struct TransformerBlock : torch::autograd::Function<TransformerBlock> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w0, const Tensor& w1, const Tensor& w2,
                        const Tensor& w3, const Tensor& w4, const Tensor& w5, const Tensor& w6, const Tensor& w7,
                        const Tensor& w8, const Tensor& w9, const Tensor& w10, const Tensor& w11,
                        const std::optional<Tensor>& head, const std::optional<Tensor>& drop1,
                        const std::optional<Tensor>& drop2, const Shape& shape, bool differentiable, bool recomputes) {
    const int64_t rows = shape.rows(), c = shape.channels;
    const auto mask = [&](const std::optional<Tensor>& drop) { return drop ? drop->reshape({rows, c}) : Tensor(); };
    const Inputs given{x.reshape({rows, c}),
                       {w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11},
                       head ? *head : Tensor(),
                       mask(drop1),
                       mask(drop2)};
    const int64_t outputs = head ? head->size(0) : c;
    Tensor out = at::empty({rows, outputs}, x.options());
    const Kept kept = differentiable && !recomputes ? Kept(shape, head.has_value(), x.options()) : Kept();
    run(shape, given, out, kept, !differentiable);
    if (differentiable) {
      variable_list saved = given.w;
      saved.insert(saved.end(), {given.x, given.head, given.mask1, given.mask2});
      const auto more = kept.list();
      saved.insert(saved.end(), more.begin(), more.end());
      context->save_for_backward(saved);
      context->saved_data["sizes"] =
          std::vector<int64_t>{shape.batch, shape.positions, shape.channels, shape.hidden, shape.heads};
      context->saved_data["counts"] = shape.counts;
      context->saved_data["choices"] = std::vector<int64_t>{shape.causal, shape.bf16};
      context->saved_data["numbers"] = std::vector<double>{shape.epsilon, shape.factor};
    }
    return out.view({shape.batch, shape.positions, outputs});
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    demandFirstOrder();
    const auto saved = context->get_saved_variables();
    const auto sizes = context->saved_data["sizes"].toIntVector(),
               choices = context->saved_data["choices"].toIntVector();
    const auto numbers = context->saved_data["numbers"].toDoubleVector();
    const Shape shape{
        sizes[0],        sizes[1],   sizes[2],   sizes[3],        sizes[4],
        choices[0] != 0, numbers[0], numbers[1], choices[1] != 0, context->saved_data["counts"].toIntVector()};
    const int64_t rows = shape.rows(), c = shape.channels, wide = shape.hidden;
    const Inputs given{saved[kWeights], variable_list(saved.begin(), saved.begin() + kWeights), saved[kWeights + 1],
                       saved[kWeights + 2], saved[kWeights + 3]};
    const auto& w = given.w;
    const Tensor &head = given.head, &mask1 = given.mask1, &mask2 = given.mask2;
    const auto options = given.x.options();
    Kept kept(&saved[kWeights + 4]);
    if (!kept.norm1.defined()) {
      kept = Kept(shape, head.defined(), options);
      Tensor again = at::empty({rows, head.defined() ? head.size(0) : c}, options);
      run(shape, given, again, kept, false);
    }
    const Tensor gresult = gradients[0].contiguous().view({rows, head.defined() ? head.size(0) : c});
    const auto all = [&](int64_t width) { return at::empty({rows, width}, options); };
    Tensor gx = all(c), gmiddle = all(c);
    // Of the block's output, which is the operator's where there is no head.
    Tensor gy = head.defined() ? all(c) : gresult;
    // Gradients of the branches before they are added: those of the sums where nothing is dropped.
    Tensor gbranch1 = mask1.defined() ? all(c) : gmiddle, gbranch2 = mask2.defined() ? all(c) : gy;
    // The same as factors of products. Those of the inner rows and of the packed projections have no other place.
    const auto factorOf = [&](const Tensor& numbers) {
      return shape.bf16 ? bf16Rows(rows, numbers.size(1), options) : numbers;
    };
    const Tensor outSlopes = factorOf(gbranch1), outerSlopes = factorOf(gbranch2),
                 headSlopes = head.defined() ? factorOf(gresult) : Tensor(),
                 innerSlopes = shape.factorRows(rows, wide, options),
                 packedSlopes = shape.factorRows(rows, 3 * c, options);
    // One row of sums a task: weight and bias of both norms, then the biases of the four products.
    const int64_t columns = 9 * c + wide, tasks = shape.tasks();
    Tensor partial = at::zeros({tasks, columns}, options);
    variable_list results(1 + kWeights + 6);
    const Products products = productsFor(given.x, rows, shape.bf16);
    const auto right = [&](const Tensor& matrix) { return RightFactor(matrix, RightFactor::Of::kMatrix, products); };
    RightFactor fromPacked = right(w[kPacked]), fromOut = right(w[kOut]), fromInner = right(w[kInner]),
                fromOuter = right(w[kOuter]);
    std::optional<RightFactor> fromHead;
    if (head.defined()) fromHead = right(head);
    if (shape.laysOutFirst(products)) {
      packAll({&fromPacked, &fromOut, &fromInner, &fromOuter, fromHead ? &*fromHead : nullptr});
    }
    byType(given.x, [&](auto zero) {
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
          roundRows(part(gresult), part(headSlopes));
          multiply<T>(part(headSlopes), *fromHead, part(gy), &fromOuter);
        }
        if (mask2.defined()) {
          const T *slope = data(gy), *factor = data(mask2);
          T* to = target(gbranch2);
          for (int64_t i = 0; i < own * c; ++i) to[i] = slope[i] * factor[i];
        }
        accumulate(data(gbranch2), c, gouter);
        roundRows(part(gbranch2), part(outerSlopes));
        const Tensor gn = at::empty({own, c}, options), ga = at::empty({own, c}, options), gi = part(innerSlopes);
        {
          const RowPlaces<T> known(part(kept.inner)), places(gi);
          const T* shift = w[kInnerBias].const_data_ptr<T>();
          multiply<T>(part(outerSlopes), fromOuter, placeOf(gi), &fromInner, [&](const Tile<T>& tile) {
            // One row after another: all of them add to the same sums.
            for (int64_t row = tile.firstRow; row < tile.lastRow; ++row) {
              T* slope = tile.numbers + (row - tile.firstRow) * tile.stride;
              Line<T> line;
              const T* h = known.read(row, tile.column, tile.columns, line.numbers);
              table.biasGeluBackward(slope, h, shift + tile.column, slope, ginnerBias + tile.column, tile.columns);
              if (shape.bf16) places.round(row, tile.column, tile.columns, slope);
            }
          });
        }
        multiply<T>(gi, fromInner, gn, &fromOut);
        const auto norm = [&](const Tensor& x, const Tensor& weight, const Tensor& moments, const T* residual, T* to,
                              T* ownWeight, T* ownBias) {
          const T *slope = gn.const_data_ptr<T>(), *from = data(x), *gain = weight.const_data_ptr<T>(),
                  *known = data(moments);
          for (int64_t row = 0; row < own; ++row) {
            table.layerNormBackward(slope + row * c, from + row * c, gain, T(shape.factor), known + 2 * row,
                                    residual + row * c, to + row * c, ownWeight, ownBias, c);
          }
        };
        norm(kept.middle, w[kNorm2], kept.moments2, data(gy), target(gmiddle), gnorm2, gshift2);
        if (mask1.defined()) {
          const T *slope = data(gmiddle), *factor = data(mask1);
          T* to = target(gbranch1);
          for (int64_t i = 0; i < own * c; ++i) to[i] = slope[i] * factor[i];
        }
        accumulate(data(gbranch1), c, gout);
        roundRows(part(gbranch1), part(outSlopes));
        multiply<T>(part(outSlopes), fromOut, ga, &fromPacked);
        const T *slopes = ga.const_data_ptr<T>(), *outputs = data(kept.mixed), *logs = data(kept.sums);
        const Tensor gpacked = shape.bf16 ? at::empty({own, 3 * c}, options) : part(packedSlopes);
        T* toPacked = gpacked.data_ptr<T>();
        overHeads<T>(shape, first, last, data(kept.packed), w[kPackedBias].const_data_ptr<T>(),
                     [&](const HeadRows<T>& head, int64_t at, int64_t packedAt, int64_t sum, T* scratch) {
                       table.attentionBackward(head, outputs + at, slopes + at, logs + sum, toPacked + packedAt,
                                               scratch);
                     });
        accumulate(toPacked, 3 * c, gpackedBias);
        roundRows(gpacked, part(packedSlopes));
        multiply<T>(part(packedSlopes), fromPacked, gn, nullptr);
        norm(given.x, w[kNorm1], kept.moments1, data(gmiddle), target(gx), gnorm1, gshift1);
      });
    });
    const auto gradientOf = [&](Weight which) -> Tensor& { return results[1 + which]; };
    std::vector<OuterProduct> outer{{at::empty_like(w[kPacked]), packedSlopes, right(kept.norm1)},
                                    {at::empty_like(w[kOut]), outSlopes, right(kept.mixed)},
                                    {at::empty_like(w[kInner]), innerSlopes, right(kept.norm2)},
                                    {at::empty_like(w[kOuter]), outerSlopes, right(kept.active)}};
    gradientOf(kPacked) = outer[0].result;
    gradientOf(kOut) = outer[1].result;
    gradientOf(kInner) = outer[2].result;
    gradientOf(kOuter) = outer[3].result;
    if (head.defined()) {
      outer.push_back({at::empty_like(head), headSlopes, right(kept.block)});
      results[1 + kWeights] = outer.back().result;
    }
    outerProducts(outer);
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
                        int64_t heads, bool causal, double epsilon, double factor, bool bf16, bool recomputes) {
  demandSupported(givenX);
  demand(givenX.dim() == 3 && heads > 0 && givenX.size(2) % heads == 0,
         "expected an input (B, T, C) with heads that divide C");
  const std::vector<Tensor> w = blockWeights(givenX, weights);
  const int64_t c = givenX.size(2), hidden = w[kInner].size(0);
  bool differentiable = givenX.requires_grad();
  for (const Tensor& one : w) differentiable = differentiable || one.requires_grad();
  Shape shape{givenX.size(0), givenX.size(1), c, hidden, heads, causal, epsilon, factor, bf16, counts.vec()};
  demand(static_cast<int64_t>(shape.counts.size()) == shape.batch, "expected one count an example");
  for (const int64_t count : counts) demand(count >= 0 && count <= shape.positions, "a count is out of range");
  std::optional<Tensor> masks[2];
  for (int i = 0; i < 2; ++i) {
    const auto& drop = i ? drop2 : drop1;
    if (!drop) continue;
    demand(drop->sizes() == givenX.sizes() && alike(*drop, givenX), "a mask has another shape or dtype than the input");
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
                                 w[11], head, masks[0], masks[1], shape, differentiable && c10::GradMode::is_enabled(),
                                 recomputes);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(riverrun, library) {
  library.def(
      "transformer_block(Tensor x, Tensor[] weights, Tensor? head, Tensor? drop1, Tensor? drop2, int[] counts, int "
      "heads, bool causal, "
      "float epsilon, float factor, bool bf16=False, bool recomputes=False) -> Tensor",
      transformerBlock);
  library.def("bf16_products() -> bool", hasBf16Products);
}

}  // namespace riverrun
