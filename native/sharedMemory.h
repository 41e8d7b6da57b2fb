// Memory that the processes of one machine have in common, and where they meet.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace riverrun {

// A file that has no name in any folder and that every process has mapped: two slots for each of them, in which it lays
// out what the others are to read, and a count of the meetings that it has come to. It is gone with the last process,
// however that ends. Needs Linux.
//
// Meetings take turns in the slots: what a process wrote before meeting m into slot m % 2, all may read after it, until
// they come to meeting m + 1. Used by one thread of a process at a time.
class SharedMemory {
 public:
  // Bytes of a slot: large enough to make a meeting cheap, small enough to stay in a core's own cache.
  static constexpr size_t kSlotBytes = 512 << 10;
  // Longest address, with the zero that ends it.
  static constexpr size_t kAddressBytes = 128;
  using Clock = std::chrono::steady_clock;

  // Makes one for `size` processes, as rank 0. `address` says where the others find it; nothing else can pass for it,
  // on this machine or another. Null where the system has none to give.
  static std::unique_ptr<SharedMemory> make(int size, std::chrono::milliseconds timeout, std::string& address);
  // The one that rank 0 made. Null where it cannot be reached from here.
  static std::unique_ptr<SharedMemory> find(const std::string& address, int rank, int size,
                                            std::chrono::milliseconds timeout);
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory();

  int rank() const { return rank_; }
  int size() const { return size_; }
  // The slot of a process for the meeting that this one comes to next or came to last.
  char* slotForNext(int rank) const { return slot(rank, meeting_ + 1); }
  char* slotOfLast(int rank) const { return slot(rank, meeting_); }
  // Comes to the next meeting. `note` says what for: see noteOf.
  void come(uint64_t note);
  // Whether all have come to it; waits for them until `deadline`. Throws where one has ended, does not come within the
  // timeout, or has given up; then the memory is of no use any more.
  bool met(Clock::time_point deadline);
  // The note with which a process came to the meeting that all have come to.
  uint64_t noteOf(int rank) const;
  // Throws where a process has given up before.
  void demandWhole() const;

 private:
  struct Seat;
  struct Head;
  SharedMemory(int file, int rank, int size, std::chrono::milliseconds timeout);
  bool attach();
  char* slot(int rank, uint32_t meeting) const;
  Seat& seat(int rank) const;
  Head& head() const;
  bool hasCome(int rank) const;
  bool waitFor(int rank, Clock::time_point deadline);
  void lookRound();
  [[noreturn]] void giveUp(int32_t why);

  int file_;
  int rank_;
  int size_;
  std::chrono::milliseconds timeout_;
  char* memory_ = nullptr;
  uint32_t meeting_ = 0;
  Clock::time_point looked_;   // round, whether the others live
  Clock::duration waited_{0};  // for the last meeting
};

}  // namespace riverrun
