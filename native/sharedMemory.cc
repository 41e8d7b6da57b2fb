// A memfd, OFD locks and futexes: all of it Linux's.
#include "sharedMemory.h"

#ifdef __linux__

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>

namespace riverrun {

// How long a meeting is waited for without sleeping: about what waking up costs.
constexpr std::chrono::microseconds kAwake(50);
// How often one that sleeps asks whether the others live.
constexpr std::chrono::milliseconds kLookRound(100);
constexpr size_t kPageBytes = 4096;
constexpr size_t kSeatBytes = 128;  // two cache lines: processors fetch them in pairs

// What a process says of itself; written by it alone, but for `sleepers`.
struct alignas(kSeatBytes) SharedMemory::Seat {
  std::atomic<uint32_t> meeting;   // the last that it came to; wraps
  std::atomic<uint32_t> sleepers;  // who may have to be woken when it comes
  uint64_t notes[2];
};

// Zero, or why a process has given up: 1 + r, rank r has ended; -1 - r, rank r did not come in time.
struct alignas(kSeatBytes) SharedMemory::Head {
  std::atomic<int32_t> givenUp;
};

static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4,
              "futexes need plain words of 4 bytes");

static size_t headBytes(int size) {
  return (kSeatBytes * (1 + static_cast<size_t>(size)) + kPageBytes - 1) / kPageBytes * kPageBytes;
}

static size_t slotsOffset(int rank, int size) {
  return headBytes(size) + 2 * SharedMemory::kSlotBytes * static_cast<size_t>(rank);
}

static size_t sharedBytes(int size) { return slotsOffset(size, size); }

// The lock on one byte of the file that says that a process lives. It belongs to what the file was opened as, so the
// kernel drops it when the last descriptor and mapping of the process are gone: before anybody has waited for a dead
// one, and for processes that see each other under other numbers.
static struct flock lifeOf(int rank) {
  struct flock life{};
  life.l_type = F_WRLCK;
  life.l_whence = SEEK_SET;
  life.l_start = rank;
  life.l_len = 1;
  return life;
}

std::unique_ptr<SharedMemory> SharedMemory::make(int size, std::chrono::milliseconds timeout, std::string& address) {
  try {
    std::random_device random;
    char name[64];
    std::snprintf(name, sizeof name, "riverrun-%08x%08x%08x%08x", random(), random(), random(), random());
    const int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return nullptr;
    std::unique_ptr<SharedMemory> made(new SharedMemory(file, 0, size, timeout));
    // Sealed, because a mapping of what somebody cuts off is a SIGBUS.
    if (ftruncate(file, static_cast<off_t>(sharedBytes(size))) != 0 ||
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0 || !made->attach()) {
      return nullptr;
    }
    char where[kAddressBytes];
    std::snprintf(where, sizeof where, "/proc/%d/fd/%d /memfd:%s", static_cast<int>(getpid()), file, name);
    address = where;
    return made;
  } catch (const std::exception&) {
    return nullptr;
  }
}

std::unique_ptr<SharedMemory> SharedMemory::find(const std::string& address, int rank, int size,
                                                 std::chrono::milliseconds timeout) {
  try {
    const size_t space = address.find(' ');
    if (space == std::string::npos) return nullptr;
    const std::string path = address.substr(0, space), name = address.substr(space + 1);
    // On another machine, or among other processes, the path may be anything: it is opened for its name alone.
    char target[kAddressBytes + 32];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length < 0 || std::string(target, static_cast<size_t>(length)) != name + " (deleted)") return nullptr;
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return nullptr;
    std::unique_ptr<SharedMemory> found(new SharedMemory(file, rank, size, timeout));
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size != static_cast<off_t>(sharedBytes(size)) || !found->attach()) {
      return nullptr;
    }
    return found;
  } catch (const std::exception&) {
    return nullptr;
  }
}

SharedMemory::SharedMemory(int file, int rank, int size, std::chrono::milliseconds timeout)
    : file_(file), rank_(rank), size_(size), timeout_(timeout) {}

SharedMemory::~SharedMemory() {
  if (memory_) munmap(memory_, sharedBytes(size_));
  close(file_);
}

// Says that this process lives, and takes the memory of its own part, so that a system that has none says so now and
// not by SIGBUS later.
bool SharedMemory::attach() {
  struct flock life = lifeOf(rank_);
  if (fcntl(file_, F_OFD_SETLK, &life) != 0) return false;
  const size_t from = rank_ == 0 ? 0 : slotsOffset(rank_, size_);
  int error;
  do {
    error = posix_fallocate(file_, static_cast<off_t>(from), static_cast<off_t>(slotsOffset(rank_ + 1, size_) - from));
  } while (error == EINTR);
  if (error != 0) return false;
  void* mapped = mmap(nullptr, sharedBytes(size_), PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
  if (mapped == MAP_FAILED) return false;
  memory_ = static_cast<char*>(mapped);
  return true;
}

SharedMemory::Head& SharedMemory::head() const { return *reinterpret_cast<Head*>(memory_); }

SharedMemory::Seat& SharedMemory::seat(int rank) const {
  return *reinterpret_cast<Seat*>(memory_ + kSeatBytes * (1 + static_cast<size_t>(rank)));
}

char* SharedMemory::slot(int rank, uint32_t meeting) const {
  return memory_ + slotsOffset(rank, size_) + (meeting % 2) * kSlotBytes;
}

bool SharedMemory::hasCome(int rank) const { return static_cast<int32_t>(seat(rank).meeting.load() - meeting_) >= 0; }

void SharedMemory::come(uint64_t note) {
  Seat& own = seat(rank_);
  own.notes[++meeting_ % 2] = note;
  own.meeting.store(meeting_);
  // A sleeper counts itself first and sleeps only where the count of meetings is the old one: one of both sees the
  // other.
  if (own.sleepers.load() != 0) syscall(SYS_futex, &own.meeting, FUTEX_WAKE, size_, nullptr, nullptr, 0);
  looked_ = Clock::now();
  waited_ = Clock::duration::zero();
}

uint64_t SharedMemory::noteOf(int rank) const { return seat(rank).notes[meeting_ % 2]; }

bool SharedMemory::met(Clock::time_point deadline) {
  for (int other = 0; other < size_; ++other) {
    if (other != rank_ && !waitFor(other, deadline)) return false;
  }
  return true;
}

bool SharedMemory::waitFor(int rank, Clock::time_point deadline) {
  const auto awake = Clock::now() + kAwake;
  while (Clock::now() < awake) {
    if (hasCome(rank)) return true;
    std::this_thread::yield();
  }
  Seat& theirs = seat(rank);
  for (;;) {
    const uint32_t seen = theirs.meeting.load();
    if (hasCome(rank)) return true;
    const auto now = Clock::now();
    if (now >= looked_ + kLookRound) {
      lookRound();
      continue;
    }
    if (now >= deadline) return false;
    const auto left = std::min<Clock::duration>(deadline - now, kLookRound);
    timespec patience{};
    patience.tv_nsec =
        static_cast<decltype(patience.tv_nsec)>(std::chrono::duration_cast<std::chrono::nanoseconds>(left).count());
    theirs.sleepers.fetch_add(1);
    syscall(SYS_futex, &theirs.meeting, FUTEX_WAIT, seen, &patience, nullptr, 0);
    theirs.sleepers.fetch_sub(1);
  }
}

// Whether those who have not come still can.
void SharedMemory::lookRound() {
  const auto now = Clock::now();
  // Time in which this process was stopped, as the others may have been with it, is nobody's fault.
  waited_ += std::min<Clock::duration>(now - looked_, 2 * kLookRound);
  looked_ = now;
  const bool late = waited_ >= timeout_;
  for (int other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    struct flock life = lifeOf(other);
    const bool ended = fcntl(file_, F_OFD_GETLK, &life) == 0 && life.l_type == F_UNLCK;
    // Asked last: who has come may end.
    if ((ended || late) && !hasCome(other)) giveUp(ended ? 1 + other : -1 - other);
  }
  demandWhole();
}

void SharedMemory::giveUp(int32_t why) {
  int32_t none = 0;
  head().givenUp.compare_exchange_strong(none, why);
  demandWhole();
  throw std::logic_error("a process group was given up for no reason");
}

void SharedMemory::demandWhole() const {
  const int32_t why = head().givenUp.load();
  if (why > 0) throw std::runtime_error("rank " + std::to_string(why - 1) + " has ended or left");
  if (why < 0) throw std::runtime_error("rank " + std::to_string(-1 - why) + " did not come to a sum in time");
}

}  // namespace riverrun

#else

#include <stdexcept>

namespace riverrun {

struct SharedMemory::Seat {};
struct SharedMemory::Head {};

std::unique_ptr<SharedMemory> SharedMemory::make(int, std::chrono::milliseconds, std::string&) { return nullptr; }

std::unique_ptr<SharedMemory> SharedMemory::find(const std::string&, int, int, std::chrono::milliseconds) {
  return nullptr;
}

SharedMemory::~SharedMemory() = default;
void SharedMemory::come(uint64_t) {}
bool SharedMemory::met(Clock::time_point) { return true; }
uint64_t SharedMemory::noteOf(int) const { return 0; }
void SharedMemory::demandWhole() const {}
char* SharedMemory::slot(int, uint32_t) const { return nullptr; }

}  // namespace riverrun

#endif
