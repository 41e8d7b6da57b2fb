// NCCL's backend of c10d, in a library of its own that is loaded after libtorch's CUDA half.
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <cstdlib>

#include "ncclLibrary.h"

namespace riverrun {

extern "C" __attribute__((visibility("default"))) c10d::Backend* riverrunNewNccl(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, std::chrono::milliseconds timeout) {
  // A wait that blocks its own thread and throws when it is over time, instead of a watchdog that ends the process
  // without a word: riverrun waits beside the event loop.
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 0);
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options).release();
}

}  // namespace riverrun
