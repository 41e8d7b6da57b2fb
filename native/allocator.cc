// A caching CPU allocator. glibc gives big blocks back to the system at every free, and its heap fragments under the
// aligned requests of libtorch until the process has grown many times over; blocks kept by size class cure both.
// RIVERRUN_ALLOCATOR=system switches it off. The state is one per process, as libtorch's own allocator table is.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sysinfo.h>
#endif

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "addon.h"
#include "machine.h"
#include "sizeClass.h"

namespace riverrun {

// Linux promises more than there is and kills the process that believes it.
size_t machineBytes() {
#ifdef __linux__
  struct sysinfo machine;
  if (sysinfo(&machine) == 0) return (size_t{machine.totalram} + machine.totalswap) * machine.mem_unit;
#endif
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(page) : size_t{1} << 48;
}

namespace {

constexpr size_t kHeader = 64;               // keeps the data on a cache line of its own
constexpr size_t kMapped = size_t{1} << 22;  // from here on pages come straight from the system, huge where it can

struct Header {
  uint32_t sizeClass;
  bool mapped;
  size_t bytes;  // of the whole block, header included
};
static_assert(sizeof(Header) <= kHeader);

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes ? take(bytes) : nullptr;
    return {data, data, &CachingAllocator::release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::release; }

  void copy_data(void* to, const void* from, std::size_t count) const override { std::memcpy(to, from, count); }

  void trim() {
    for (Class& one : classes_) {
      std::vector<Header*> blocks;
      {
        const std::lock_guard<std::mutex> lock(one.mutex);
        blocks.swap(one.blocks);
      }
      for (Header* block : blocks) {
        cached_ -= block->bytes;
        giveBack(block);
      }
    }
  }

  size_t used() const { return used_; }
  size_t cached() const { return cached_; }
  size_t peak() const { return peak_; }
  size_t limit() const { return limit_; }

  static CachingAllocator& instance() {
    static auto* allocator = new CachingAllocator;  // never destroyed: tensors may outlive every destructor
    return *allocator;
  }

 private:
  struct Class {
    std::mutex mutex;
    std::vector<Header*> blocks;
  };

  void* take(size_t bytes) {
    if (bytes > machine_) refuse(bytes);
    const size_t c = classOf(bytes + kHeader);
    Header* block = nullptr;
    {
      Class& own = classes_[c];
      const std::lock_guard<std::mutex> lock(own.mutex);
      if (!own.blocks.empty()) {
        block = own.blocks.back();
        own.blocks.pop_back();
      }
    }
    if (block) {
      cached_ -= block->bytes;
    } else {
      block = fresh(c, bytes);
    }
    const size_t now = used_ += block->bytes;
    size_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
    return reinterpret_cast<char*>(block) + kHeader;
  }

  Header* fresh(size_t c, size_t requested) {
    const size_t bytes = bytesOfClass(c);
    if (used_ + cached_ + bytes > machine_) trim();
    if (used_ + bytes > machine_) refuse(requested);
    Header* block = fromSystem(c, bytes);
    if (!block) {
      trim();
      block = fromSystem(c, bytes);
    }
    if (!block) refuse(requested);
    return block;
  }

  [[noreturn]] void refuse(size_t bytes) const {
    C10_THROW_ERROR(OutOfMemoryError, "out of memory: cannot allocate " + std::to_string(bytes) + " bytes beside " +
                                          std::to_string(used_.load()) + " in use; use a smaller batch or model");
  }

  static Header* fromSystem(size_t c, size_t bytes) {
    void* memory = nullptr;
    const bool mapped = bytes >= kMapped;
    if (mapped) {
      memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE
      madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    } else if (posix_memalign(&memory, kHeader, bytes) != 0) {
      return nullptr;
    }
    auto* block = static_cast<Header*>(memory);
    *block = {static_cast<uint32_t>(c), mapped, bytes};
    return block;
  }

  static void giveBack(Header* block) {
    if (block->mapped) {
      munmap(block, block->bytes);
    } else {
      std::free(block);
    }
  }

  // Runs in destructors of tensors, on whichever thread drops the last reference, so it must not throw: a block that
  // cannot be filed is given back.
  static void release(void* data) {
    if (!data) return;
    auto* block = reinterpret_cast<Header*>(static_cast<char*>(data) - kHeader);
    CachingAllocator& self = instance();
    const size_t bytes = block->bytes;
    self.used_ -= bytes;
    // Counted before it is filed: another thread may take the block the moment it stands in the list.
    if ((self.cached_ += bytes) <= self.limit_) {
      try {
        Class& own = self.classes_[block->sizeClass];
        const std::lock_guard<std::mutex> lock(own.mutex);
        own.blocks.push_back(block);
        return;
      } catch (...) {
      }
    }
    self.cached_ -= bytes;
    giveBack(block);
  }

  const size_t machine_ = machineBytes();
  const size_t limit_ = machine_ / 4;
  Class classes_[kClasses];
  std::atomic<size_t> used_{0}, cached_{0}, peak_{0};
};

std::atomic<bool> installed{false};

}  // namespace

void installCachingAllocator() {
  static std::once_flag once;
  std::call_once(once, [] {
    const char* choice = std::getenv("RIVERRUN_ALLOCATOR");
    if (choice && std::string(choice) == "system") return;
    c10::SetCPUAllocator(&CachingAllocator::instance(), /*priority=*/100);
    installed = true;
  });
}

static napi_value allocator(napi_env env, napi_callback_info info) {
  return guarded(env, "allocator", [&] {
    napi_value result;
    check(env, napi_create_object(env, &result), "allocator");
    const CachingAllocator& state = CachingAllocator::instance();
    setProperty(env, result, "name", fromString(env, installed ? "caching" : "system"));
    setProperty(env, result, "usedBytes", fromNumber(env, static_cast<double>(state.used())));
    setProperty(env, result, "cachedBytes", fromNumber(env, static_cast<double>(state.cached())));
    setProperty(env, result, "peakBytes", fromNumber(env, static_cast<double>(state.peak())));
    setProperty(env, result, "cacheLimitBytes", fromNumber(env, static_cast<double>(state.limit())));
    return result;
  });
}

static napi_value trimAllocator(napi_env env, napi_callback_info info) {
  return guarded(env, "trimAllocator", [&]() -> napi_value {
    CachingAllocator::instance().trim();
    return nullptr;
  });
}

void defineAllocatorBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "allocator", allocator);
  defineFunction(env, exports, "trimAllocator", trimAllocator);
}

}  // namespace riverrun
