// A caching CPU allocator. glibc gives big blocks back to the system at every free, and its heap fragments under the
// aligned requests of libtorch until the process has grown many times over; blocks kept by size class cure both.
// RIVERRUN_ALLOCATOR=system switches it off. The state is one per process, as libtorch's own allocator table is.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "addon.h"

namespace riverrun {
namespace {

constexpr size_t kHeader = 64;              // keeps the data on a cache line of its own
constexpr size_t kSmallest = 256;
constexpr size_t kMapped = size_t{1} << 22;  // from here on pages come straight from the system, huge where it can
constexpr size_t kStepsPerDoubling = 8;     // at most an eighth of a block is wasted
constexpr size_t kClasses = 48 * kStepsPerDoubling;

struct Header {
  uint32_t sizeClass;
  bool mapped;
  size_t bytes;  // of the whole block, header included
};

size_t classOf(size_t bytes) {
  if (bytes <= kSmallest) return 0;
  const size_t exponent = std::bit_width(bytes - 1) - 1;  // 2^exponent < bytes <= 2^(exponent + 1)
  const size_t step = (size_t{1} << exponent) / kStepsPerDoubling;
  const size_t within = (bytes - (size_t{1} << exponent) + step - 1) / step;  // 1 .. kStepsPerDoubling
  return (exponent - std::bit_width(kSmallest - 1)) * kStepsPerDoubling + within;
}

size_t bytesOfClass(size_t sizeClass) {
  if (sizeClass == 0) return kSmallest;
  const size_t exponent = std::bit_width(kSmallest - 1) + (sizeClass - 1) / kStepsPerDoubling;
  const size_t within = (sizeClass - 1) % kStepsPerDoubling + 1;
  return (size_t{1} << exponent) + within * ((size_t{1} << exponent) / kStepsPerDoubling);
}

class CachingAllocator final : public c10::Allocator {
 public:
  CachingAllocator() {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    limit_ = pages > 0 && page > 0 ? static_cast<size_t>(pages) * static_cast<size_t>(page) / 4 : size_t{1} << 30;
  }

  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes ? take(bytes) : nullptr;
    return {data, data, &CachingAllocator::release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::release; }

  void copy_data(void* to, const void* from, std::size_t count) const override { std::memcpy(to, from, count); }

  void trim() {
    for (size_t c = 0; c < kClasses; ++c) {
      std::vector<Header*> blocks;
      {
        const std::lock_guard<std::mutex> lock(classes_[c].mutex);
        blocks.swap(classes_[c].blocks);
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
    const size_t c = classOf(bytes + kHeader);
    if (c >= kClasses) C10_THROW_ERROR(OutOfMemoryError, "cannot allocate " + std::to_string(bytes) + " bytes");
    Header* block = nullptr;
    {
      const std::lock_guard<std::mutex> lock(classes_[c].mutex);
      if (!classes_[c].blocks.empty()) {
        block = classes_[c].blocks.back();
        classes_[c].blocks.pop_back();
      }
    }
    if (block) {
      cached_ -= block->bytes;
    } else {
      block = fresh(c);
      if (!block) {
        trim();
        block = fresh(c);
      }
      if (!block) {
        C10_THROW_ERROR(OutOfMemoryError, "out of memory: cannot allocate " + std::to_string(bytes) + " bytes beside " +
                                              std::to_string(used_.load()) + " in use; use a smaller batch or model");
      }
    }
    const size_t now = used_ += block->bytes;
    size_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
    return reinterpret_cast<char*>(block) + kHeader;
  }

  static Header* fresh(size_t c) {
    size_t bytes = bytesOfClass(c);
    void* memory = nullptr;
    const bool mapped = bytes >= kMapped;
    if (mapped) {
      memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE
      madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    } else if (posix_memalign(&memory, 64, bytes) != 0) {
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

  // Runs in destructors of tensors, so it must not throw: a block that cannot be filed is given back.
  static void release(void* data) {
    if (!data) return;
    auto* block = reinterpret_cast<Header*>(static_cast<char*>(data) - kHeader);
    CachingAllocator& self = instance();
    self.used_ -= block->bytes;
    if (self.cached_ + block->bytes <= self.limit_) {
      try {
        const std::lock_guard<std::mutex> lock(self.classes_[block->sizeClass].mutex);
        self.classes_[block->sizeClass].blocks.push_back(block);
        self.cached_ += block->bytes;
        return;
      } catch (...) {
      }
    }
    giveBack(block);
  }

  Class classes_[kClasses];
  std::atomic<size_t> used_{0}, cached_{0}, peak_{0};
  size_t limit_;
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
    napi_set_named_property(env, result, "name", fromString(env, installed ? "caching" : "system"));
    napi_set_named_property(env, result, "usedBytes", fromNumber(env, static_cast<double>(state.used())));
    napi_set_named_property(env, result, "cachedBytes", fromNumber(env, static_cast<double>(state.cached())));
    napi_set_named_property(env, result, "peakBytes", fromNumber(env, static_cast<double>(state.peak())));
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
