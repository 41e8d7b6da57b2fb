// What the addon asks of the library that holds NCCL's backend.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>

namespace riverrun {

// The caller owns the result.
using NewNccl = c10d::Backend*(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                                  std::chrono::milliseconds timeout);

constexpr const char* kNewNccl = "riverrunNewNccl";

}  // namespace riverrun
