// Row kernels: chains of element-wise passes as one pass. Plain loops that a compiler vectorises; kernels.inc is
// compiled once for every instruction set and the best one that the processor has is chosen when it is first needed.
// Nothing here knows of tensors, so that no inline function of a header is compiled for a wider instruction set.
#pragma once

#include <cstdint>

namespace riverrun {

enum class ScaleMap : int64_t { kSigmoid = 0, kSoftClip = 1 };

// What one row of a coupling is made of. N channels are changed; the network's row holds 2 N numbers, scale then shift,
// before bias and gain: l = (h + b) * f. Null bias or factor: 0 and 1.
template <typename T>
struct CouplingRow {
  const T* network;
  const T* bias;
  const T* factor;  // exp(3 gain)
  int64_t channels;
  ScaleMap map;
  T bound;  // the sigmoid's offset, or c of the soft clip
};

// One head of one sequence in packed projections (T, 3 C): queries, keys, values, beside each other. `packed` and
// `bias` point to the head's first query; the bias, (3 C) or null, has not been added yet. The first `count` positions
// are real.
template <typename T>
struct HeadRows {
  const T* packed;
  const T* bias;
  int64_t positions;
  int64_t channels;  // C
  int64_t size;      // of a head
  int64_t count;
  T scale;  // of the scores
  bool causal;
};

// Numbers are worked on in vectors of 64 bytes, one register where they are that wide.
template <typename T>
constexpr int64_t kLanes = 64 / sizeof(T);

template <typename T>
constexpr int64_t wholeVectors(int64_t n) {
  return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

template <typename T>
struct Kernels {
  // out = gelu(h + b), tanh form
  void (*biasGelu)(const T* h, const T* bias, T* out, int64_t n);
  // dh = dy * gelu'(h + b); dbias += dh
  void (*biasGeluBackward)(const T* dy, const T* h, const T* bias, T* dh, T* dbias, int64_t n);
  // out = x + h + b
  void (*biasResidual)(const T* x, const T* h, const T* bias, T* out, int64_t n);
  // out = x + mask (h + b)
  void (*maskedResidual)(const T* x, const T* h, const T* bias, const T* mask, T* out, int64_t n);
  // y = s x + a (a = s b); decode is the same with 1 / s and -b
  void (*scaleShift)(const T* x, const T* scale, const T* shift, T* y, int64_t n);
  // gx = s gy; gscale += gy x; gshift += gy
  void (*scaleShiftBackward)(const T* gy, const T* x, const T* scale, T* gx, T* gscale, T* gshift, int64_t n);
  // c (rows x columns) = a b, or c + a b; columns whole vectors, a of any strides. For matrices that fit a core's
  // cache.
  void (*product)(int64_t rows, int64_t columns, int64_t depth, const T* a, int64_t aRow, int64_t aColumn, const T* b,
                  int64_t bRow, T* c, int64_t cRow, bool add);
  // to[c * toWidth + r] = from[r * width + c], and 0 from `rows` on up to whole vectors
  void (*transposed)(const T* from, int64_t rows, int64_t columns, int64_t width, T* to, int64_t toWidth);
  // sums += values
  void (*accumulate)(const T* values, T* sums, int64_t n);
  // encode: y = s (x + t), decode: x = y / s - t. Returns the sum of ln s.
  T (*coupling)(const CouplingRow<T>& row, const T* x, T* y, bool inverse);
  // gradients of input, network, bias (added) and gain (added; null where there is no factor) for a gradient gy of the
  // output and gl of the row's sum of ln s
  void (*couplingBackward)(const CouplingRow<T>& row, const T* x, const T* gy, T gl, bool inverse, T* gx, T* gnetwork,
                           T* gbias, T* ggain);
  // Numbers of scratch memory that attention needs.
  int64_t (*attentionScratch)(int64_t positions, int64_t size);
  // out (rows of C): softmax(Q K^T scale) V over the real positions, zero where there is none; softmax, (T x 2): of
  // each query the greatest score and 1 / sum of exp(score - greatest)
  void (*attention)(const HeadRows<T>& rows, T* out, T* softmax, T* scratch);
  // the gradient of the packed projections from that of `out`
  void (*attentionBackward)(const HeadRows<T>& rows, const T* out, const T* gradient, const T* softmax, T* packed,
                            T* scratch);
  // y = factor weight (x - mean) / sqrt(var + epsilon) + bias; moments: mean and 1 / sqrt(var + epsilon)
  void (*layerNorm)(const T* x, const T* weight, const T* bias, T factor, T epsilon, T* y, T* moments, int64_t n);
  // gx = residual + the gradient of x; gweight and gbias are added to
  void (*layerNormBackward)(const T* gy, const T* x, const T* weight, T factor, const T* moments, const T* residual,
                            T* gx, T* gweight, T* gbias, int64_t n);
  // Numbers of scratch memory that a draw needs.
  int64_t (*drawScratch)(int64_t count);
  // The index that `uniform` in [0, 1) falls on when softmax(logits / temperature) is laid out on [0, 1); temperature
  // 0: the likeliest, and of several the first.
  int64_t (*draw)(const T* logits, int64_t count, double temperature, double uniform, double* scratch);
  // out = softmax(scale q K^T) V of one query; keys and values (count, size); scratch (count)
  void (*attendOne)(const T* query, const T* keys, const T* values, int64_t count, int64_t size, T scale, T* out,
                    T* scratch);
};

template <typename T>
const Kernels<T>& kernels();

// Gaussians of one deviation in every channel: mean of component k in channel i at i * count + k.
struct MixtureShape {
  const double* means;
  int64_t count;
  int64_t channels;
  double sigma;
};

struct MixtureKernels {
  // Numbers of scratch memory that the other two need.
  int64_t (*scratch)(int64_t count);
  // The Rosenblatt map of one point and ln|det dy/dx|; logPi (count) normalised.
  double (*encode)(const MixtureShape& shape, const double* logPi, const double* x, double* y, double* scratch);
  // Its inverse and ln|det dx/dy|.
  double (*decode)(const MixtureShape& shape, const double* logPi, const double* y, double* x, double* scratch);
};

const MixtureKernels& mixtureKernels();

// Layouts for products.h. A word is 32 bits: here two bfloat16, the first in its lower half; what has no partner gets
// 0.
struct PackingKernels {
  // to[c * toWidth + r] = from[r * width + c]
  void (*transpose)(const float* from, int64_t width, int64_t rows, int64_t columns, float* to, int64_t toWidth);
  // to[c * toWidth + r] = (from[r][2 c], from[r][2 c + 1])
  void (*transposePairs)(const float* from, int64_t width, int64_t rows, int64_t columns, uint32_t* to,
                         int64_t toWidth);
  // to[r * toWidth + c] = (from[2 r][c], from[2 r + 1][c])
  void (*pairRows)(const float* from, int64_t width, int64_t rows, int64_t columns, uint32_t* to, int64_t toWidth);
  // The same of numbers that are bfloat16 already, and its transpose: to[c * toWidth + r]
  void (*pairHalfRows)(const uint16_t* from, int64_t width, int64_t rows, int64_t columns, uint32_t* to,
                       int64_t toWidth);
  void (*transposeHalfRowPairs)(const uint16_t* from, int64_t width, int64_t rows, int64_t columns, uint32_t* to,
                                int64_t toWidth);
  // to[i] = from[i], a bfloat16
  void (*widen)(const uint16_t* from, int64_t count, float* to);
  // to[i] = from[i] to the nearest bfloat16
  void (*narrow)(const float* from, int64_t count, uint16_t* to);
};

const PackingKernels& packingKernels();

// A part of a matrix that will be read soon: `rows` rows of `columns` lines of 64 bytes, `step` bytes apart. Products
// fetch it line by line down the rows, and count here how far they are.
struct Ahead {
  const char* from;
  int64_t rows, columns, step;
  int64_t row = 0, column = 0;
};

// c (rows x columns, at most 64) = a b, or c + a b. A Number is a float, or two bfloat16 that follow each other along
// the depth. Either neighbours of a row of `a` are beside each other (aStep = 1) or those of a column (aRow = 1).
template <typename Number>
struct ProductTile {
  int64_t rows, columns, depth;
  const Number* a;
  int64_t aRow, aStep;
  const Number* b;
  int64_t bRow;
  float* c;
  int64_t cRow;
  bool add;
  Ahead* ahead;  // or null
};

// Null where the processor has no instruction for it.
struct TileKernels {
  void (*floats)(const ProductTile<float>& tile);
  void (*pairs)(const ProductTile<uint32_t>& tile);
};

const TileKernels& tileKernels();

}  // namespace riverrun
