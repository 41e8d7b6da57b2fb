// Sums over the processes of one machine, through memory that they share: no connection and no thread of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include "distributed.h"
#include "sharedMemory.h"

namespace riverrun {

// Sums are done in the order in which they are begun, by whichever threads wait for them: one at a time.
class SharedSums : public std::enable_shared_from_this<SharedSums> {
 public:
  explicit SharedSums(std::unique_ptr<SharedMemory> memory) : memory_(std::move(memory)) {}
  static bool canSum(const at::Tensor& tensor);
  // Notes a sum, in place, of a contiguous tensor. Nothing is done before somebody waits for it or for a later one.
  std::shared_ptr<Collective> begin(const at::Tensor& tensor);
  // Throws where another process was lost before.
  void demandWhole() const { memory_->demandWhole(); }

 private:
  struct Sum {
    at::Tensor tensor;
    std::atomic<bool> done{false};
  };
  class Begun;
  enum class Next { kLayOut, kAdd, kGather };
  // Goes on until `sum` is done or the deadline has passed; whether it is done.
  bool advance(const Sum& sum, SharedMemory::Clock::time_point deadline);
  bool advanceFirst(Sum& sum, SharedMemory::Clock::time_point deadline);
  void demandSame() const;
  template <typename T>
  bool advancePiece(T* piece, int64_t count, SharedMemory::Clock::time_point deadline);

  const std::unique_ptr<SharedMemory> memory_;
  std::mutex begunMutex_;
  std::deque<std::shared_ptr<Sum>> begun_;
  std::timed_mutex turn_;  // of the thread that does the sums; also over what follows
  int64_t offset_ = 0;     // of the first sum: elements that are done
  Next next_ = Next::kLayOut;
};

}  // namespace riverrun
