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

template <typename T>
struct Kernels {
  // out = gelu(h + b), tanh form
  void (*biasGelu)(const T* h, const T* bias, T* out, int64_t n);
  // dh = dy * gelu'(h + b); dbias += dh
  void (*biasGeluBackward)(const T* dy, const T* h, const T* bias, T* dh, T* dbias, int64_t n);
  // out = x + h + b
  void (*biasResidual)(const T* x, const T* h, const T* bias, T* out, int64_t n);
  // y = s x + a (a = s b); decode is the same with 1 / s and -b
  void (*scaleShift)(const T* x, const T* scale, const T* shift, T* y, int64_t n);
  // gx = s gy; gscale += gy x; gshift += gy
  void (*scaleShiftBackward)(const T* gy, const T* x, const T* scale, T* gx, T* gscale, T* gshift, int64_t n);
  // sums += values
  void (*accumulate)(const T* values, T* sums, int64_t n);
  // encode: y = s (x + t), decode: x = y / s - t. Returns the sum of ln s.
  T (*coupling)(const CouplingRow<T>& row, const T* x, T* y, bool inverse);
  // gradients of input, network, bias (added) and gain (added; null where there is no factor) for a gradient gy of the
  // output and gl of the row's sum of ln s
  void (*couplingBackward)(const CouplingRow<T>& row, const T* x, const T* gy, T gl, bool inverse, T* gx, T* gnetwork,
                           T* gbias, T* ggain);
};

template <typename T>
const Kernels<T>& kernels();

}  // namespace riverrun
