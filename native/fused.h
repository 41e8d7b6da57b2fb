// What the fused operators share: checks, the choice of a type, tasks of rows and sums over them.
#pragma once

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels.h"

namespace riverrun {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

inline void demand(bool holds, const char* what) { TORCH_CHECK(holds, what); }

inline void demandSupported(const Tensor& x) {
  TORCH_CHECK(x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble),
              "expected float32 or float64 on the CPU, got ", x.scalar_type(), " on ", x.device());
}

// One dtype and one device, so that a raw pointer is what it is taken for.
inline bool alike(const Tensor& one, const Tensor& other) {
  return one.scalar_type() == other.scalar_type() && one.device() == other.device();
}

// At the start of a gradient: one that is asked for with a graph of its own would be a constant there, silently.
inline void demandFirstOrder() {
  TORCH_CHECK(!at::GradMode::is_enabled(),
              "riverrun's fused operators have no second derivatives: compose libtorch's operators where one is needed");
}

template <typename Body>
void byType(const Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) body(float{});
  else body(double{});
}

constexpr int64_t kGrain = 16384;  // numbers that are worth a thread

// Rows of `n` numbers; none where n is 0, so that an empty tensor is passed over instead of divided by.
inline int64_t rowsOf(const Tensor& x, int64_t n) { return n ? x.numel() / n : 0; }

inline int64_t rowsPerTask(int64_t width) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, width)); }

// Calls body(row) for every row, shared out among the threads.
template <typename Body>
void overRows(int64_t rows, int64_t width, const Body& body) {
  at::parallel_for(0, rows, rowsPerTask(width), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) body(row);
  });
}

inline int64_t threadsHere() { return at::in_parallel_region() ? 1 : at::get_num_threads(); }

// Column sums of many rows: every task of rows has sums of its own, added up in a fixed order, so that the result
// depends on the tasks and not on which thread was first.
class ColumnSums {
 public:
  ColumnSums(int64_t rows, int64_t width, int64_t columns, const at::TensorOptions& options)
      : task_(std::max<int64_t>(rowsPerTask(width), (rows + kTasks - 1) / kTasks)),
        sums_(at::zeros({std::max<int64_t>(1, (rows + task_ - 1) / task_), columns}, options)) {}

  template <typename Body>
  void over(int64_t rows, const Body& body) {
    at::parallel_for(0, sums_.size(0), 1, [&](int64_t first, int64_t last) {
      for (int64_t task = first; task < last; ++task) {
        body(task, task * task_, std::min(rows, (task + 1) * task_));
      }
    });
  }

  template <typename T>
  T* of(int64_t task) {
    return sums_.data_ptr<T>() + task * sums_.size(1);
  }

  Tensor total() const { return sums_.sum(0); }

 private:
  static constexpr int64_t kTasks = 64;
  int64_t task_;
  Tensor sums_;
};

}  // namespace riverrun
