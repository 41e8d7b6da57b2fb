// Integer handles with generation counters. A handle is one JavaScript number, generation * 2^24 + slot, so passing a
// tensor costs no object; a freed slot's generation moves on, so a stale handle is recognised for certain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace riverrun {

constexpr double kSlotCount = 16777216.0;        // 2^24 values can live at once;
constexpr uint32_t kLastGeneration = 536870911;  // 2^29 - 1 generations fit beside them in the 53 bits of a double.

// A handle that no longer names a value: freed earlier, or never handed out.
struct StaleHandle : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename Value, uint32_t kGenerations = kLastGeneration>
class SlotTable {
 public:
  struct Slot {
    Value value{};
    uint32_t generation = 1;
    bool live = false;
  };

  double insert(Value value) {
    uint32_t index;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      if (slots_.size() >= static_cast<size_t>(kSlotCount)) {
        throw std::runtime_error("more than 16777216 values live at once: free some (scope) first");
      }
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
      free_.reserve(slots_.capacity());  // so that remove() never has to ask for memory
    }
    Slot& slot = slots_[index];
    slot.value = std::move(value);
    slot.live = true;
    ++live_;
    return static_cast<double>(slot.generation) * kSlotCount + index;
  }

  // Null where the handle is stale.
  Value* find(double handle) {
    Slot* slot = locate(handle);
    return slot ? &slot->value : nullptr;
  }

  // Moves the value out and frees the slot; false where the handle is stale.
  bool remove(double handle, Value& out) {
    Slot* slot = locate(handle);
    if (!slot) return false;
    out = std::move(slot->value);
    slot->value = Value{};
    slot->live = false;
    --live_;
    // A slot whose generations are used up is never used again: a wrapped count would make old handles valid.
    if (slot->generation < kGenerations) {
      ++slot->generation;
      free_.push_back(static_cast<uint32_t>(slot - slots_.data()));  // insert() reserved the room: this cannot throw
    }
    return true;
  }

  size_t live() const { return live_; }

 private:
  Slot* locate(double handle) {
    if (!(handle >= kSlotCount) || handle > 9007199254740991.0) return nullptr;
    const auto bits = static_cast<uint64_t>(handle);
    const auto index = static_cast<size_t>(bits & 0xffffff);
    if (index >= slots_.size() || static_cast<double>(bits) != handle) return nullptr;
    Slot& slot = slots_[index];
    return slot.live && slot.generation == (bits >> 24) ? &slot : nullptr;
  }

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

}  // namespace riverrun
