// The parameters of a transformer block, as transformer_block and transformer_step take them.
#pragma once

#include "fused.h"

namespace riverrun {

// The twelve parameters, in this order.
enum Weight {
  kNorm1,
  kShift1,
  kPacked,
  kPackedBias,
  kOut,
  kOutBias,
  kNorm2,
  kShift2,
  kInner,
  kInnerBias,
  kOuter,
  kOuterBias,
  kWeights
};

// The parameters, row by row, where they fit an input (..., C) of the same dtype and device.
inline std::vector<Tensor> blockWeights(const Tensor& x, at::TensorList weights) {
  TORCH_CHECK(weights.size() == kWeights, "expected ", int(kWeights), " parameters, got ", weights.size());
  const int64_t c = x.size(2), hidden = weights[kInner].dim() == 2 ? weights[kInner].size(0) : -1;
  const std::vector<int64_t> expected[kWeights] = {{c}, {c}, {3 * c, c},  {3 * c},  {c, c},      {c},
                                                   {c}, {c}, {hidden, c}, {hidden}, {c, hidden}, {c}};
  std::vector<Tensor> fitting;
  for (int64_t i = 0; i < kWeights; ++i) {
    TORCH_CHECK(weights[i].sizes() == expected[i] && alike(weights[i], x), "parameter ", i, " is ",
                weights[i].sizes(), ", expected ", at::IntArrayRef(expected[i]), " of the input's dtype");
    fitting.push_back(weights[i].contiguous());
  }
  return fitting;
}

}  // namespace riverrun
