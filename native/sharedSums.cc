#include "sharedSums.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace riverrun {

// Up to here every process adds all elements up by itself: a second meeting costs more.
constexpr int64_t kAloneBytes = 16 << 10;
// Elements that processes divide a piece by: a cache line or more.
constexpr int64_t kShareElements = 16;
// What is added up stays in the first cache meanwhile.
constexpr int64_t kAddElements = 2048;

// What waits for a sum. The sum itself holds nothing, so that sums that nobody waits for do not keep the group alive.
class SharedSums::Begun final : public Collective {
 public:
  Begun(std::shared_ptr<SharedSums> sums, std::shared_ptr<Sum> sum) : sums_(std::move(sums)), sum_(std::move(sum)) {}
  void wait() override { sums_->advance(*sum_, SharedMemory::Clock::time_point::max()); }
  bool advance(std::chrono::steady_clock::time_point deadline) override { return sums_->advance(*sum_, deadline); }

 private:
  std::shared_ptr<SharedSums> sums_;
  std::shared_ptr<Sum> sum_;
};

bool SharedSums::canSum(const at::Tensor& tensor) {
  return tensor.is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble);
}

std::shared_ptr<Collective> SharedSums::begin(const at::Tensor& tensor) {
  auto sum = std::make_shared<Sum>();
  sum->tensor = tensor;
  auto begun = std::make_shared<Begun>(shared_from_this(), sum);
  const std::lock_guard<std::mutex> lock(begunMutex_);
  begun_.push_back(std::move(sum));
  return begun;
}

bool SharedSums::advance(const Sum& sum, SharedMemory::Clock::time_point deadline) {
  if (sum.done) return true;
  std::unique_lock<std::timed_mutex> lock(turn_, std::defer_lock);
  if (deadline == SharedMemory::Clock::time_point::max()) {
    lock.lock();
  } else if (!lock.try_lock_until(deadline)) {
    return false;
  }
  while (!sum.done) {
    memory_->demandWhole();
    std::shared_ptr<Sum> first;
    {
      const std::lock_guard<std::mutex> begun(begunMutex_);
      first = begun_.front();
    }
    if (!advanceFirst(*first, deadline)) return false;
    first->done = true;
    const std::lock_guard<std::mutex> begun(begunMutex_);
    begun_.pop_front();
  }
  return true;
}

bool SharedSums::advanceFirst(Sum& sum, SharedMemory::Clock::time_point deadline) {
  const bool isFloat = sum.tensor.scalar_type() == at::kFloat;
  const int64_t all = sum.tensor.numel();
  const int64_t most = static_cast<int64_t>(SharedMemory::kSlotBytes / sum.tensor.element_size());
  while (offset_ < all) {
    const int64_t count = std::min(most, all - offset_);
    const bool done = isFloat ? advancePiece(sum.tensor.mutable_data_ptr<float>() + offset_, count, deadline)
                              : advancePiece(sum.tensor.mutable_data_ptr<double>() + offset_, count, deadline);
    if (!done) return false;
    offset_ += count;
    // Large sums take longer than some have, although nobody is late.
    if (offset_ < all && SharedMemory::Clock::now() >= deadline) return false;
  }
  offset_ = 0;
  return true;
}

static std::string bytesOf(uint64_t note) {
  return std::to_string(note >> 8) + " bytes of " + std::to_string(note & 255) + " each";
}

// out = ((rows[0] + rows[1]) + rows[2]) + ...: in the order of the ranks, whoever adds.
template <typename T>
static void addRows(T* out, const std::vector<const T*>& rows, int64_t from, int64_t to) {
  for (int64_t start = from; start < to; start += kAddElements) {
    const int64_t count = std::min(kAddElements, to - start);
    T* const __restrict sums = out + start;
    const T* const __restrict first = rows[0] + start;
    const T* const __restrict second = rows[1] + start;
    for (int64_t i = 0; i < count; ++i) sums[i] = first[i] + second[i];
    for (size_t row = 2; row < rows.size(); ++row) {
      const T* const __restrict more = rows[row] + start;
      for (int64_t i = 0; i < count; ++i) sums[i] += more[i];
    }
  }
}

// Throws where another process came with something else: what they would sum is not what anybody meant. It stays so.
void SharedSums::demandSame() const {
  const uint64_t own = memory_->noteOf(memory_->rank());
  for (int rank = 0; rank < memory_->size(); ++rank) {
    const uint64_t note = memory_->noteOf(rank);
    if (note == own) continue;
    throw std::runtime_error("rank " + std::to_string(rank) + " sums " + bytesOf(note) + " where rank " +
                             std::to_string(memory_->rank()) + " sums " + bytesOf(own));
  }
}

template <typename T>
bool SharedSums::advancePiece(T* piece, int64_t count, SharedMemory::Clock::time_point deadline) {
  const int size = memory_->size();
  const size_t bytes = static_cast<size_t>(count) * sizeof(T);
  // Two read each other's numbers, which is as much as dividing the work; a few numbers are not worth a second meeting.
  const bool alone = size == 2 || static_cast<int64_t>(bytes) <= kAloneBytes;
  const auto shareOf = [&](int rank) {
    return std::min(count, (count * rank / size + kShareElements - 1) / kShareElements * kShareElements);
  };
  const int64_t from = alone ? 0 : shareOf(memory_->rank()), to = alone ? count : shareOf(memory_->rank() + 1);
  const auto rowOf = [&](int rank) { return reinterpret_cast<const T*>(memory_->slotOfLast(rank)); };
  if (next_ == Next::kLayOut) {
    std::memcpy(memory_->slotForNext(memory_->rank()), piece, bytes);
    memory_->come(bytes << 8 | sizeof(T));
    next_ = Next::kAdd;
  }
  if (next_ == Next::kAdd) {
    if (!memory_->met(deadline)) return false;
    demandSame();
    std::vector<const T*> rows;
    for (int rank = 0; rank < size; ++rank) rows.push_back(rowOf(rank));
    addRows(piece, rows, from, to);
    if (!alone) {
      auto* own = reinterpret_cast<T*>(memory_->slotForNext(memory_->rank()));
      std::memcpy(own + from, piece + from, static_cast<size_t>(to - from) * sizeof(T));
      memory_->come(bytes << 8 | sizeof(T));
    }
    next_ = Next::kGather;
  }
  if (!alone) {
    if (!memory_->met(deadline)) return false;
    for (int rank = 0; rank < size; ++rank) {
      if (rank == memory_->rank()) continue;
      const int64_t start = shareOf(rank);
      std::memcpy(piece + start, rowOf(rank) + start, static_cast<size_t>(shareOf(rank + 1) - start) * sizeof(T));
    }
  }
  next_ = Next::kLayOut;
  return true;
}

}  // namespace riverrun
