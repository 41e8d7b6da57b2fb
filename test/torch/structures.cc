// Properties of the addon's own data structures, without libtorch. Prints "good" or stops at the first that fails.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "sizeClass.h"
#include "slots.h"

#define DEMAND(condition)                                                              \
  if (!(condition)) {                                                                  \
    std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
    std::exit(1);                                                                      \
  }

using riverrun::SlotTable;

static void sizeClasses() {
  size_t last = 0;
  for (size_t c = 0; c < riverrun::kClasses; ++c) {
    const size_t bytes = riverrun::bytesOfClass(c);
    DEMAND(bytes > last && riverrun::classOf(bytes) == c && riverrun::classOf(last + 1) == c);
    last = bytes;
  }
  DEMAND(last == size_t{1} << 48);
  std::mt19937_64 random(1);
  for (int i = 0; i < 200000; ++i) {
    const size_t bytes = 1 + (random() >> (16 + random() % 47));
    const size_t c = riverrun::classOf(bytes), got = riverrun::bytesOfClass(c);
    DEMAND(c < riverrun::kClasses && got >= bytes);
    DEMAND(bytes <= riverrun::kSmallestBlock || (got - bytes) * riverrun::kStepsPerDoubling <= bytes);
  }
  for (const size_t bytes : {(size_t{1} << 48) + 1, size_t{1} << 63, ~size_t{0}}) {
    DEMAND(riverrun::classOf(bytes) >= riverrun::kClasses);
  }
}

// Random insertions and removals beside a plain map; every handle ever given out stays stale once it is removed.
static void slotsAgreeWithMap() {
  SlotTable<std::shared_ptr<int>> table;
  std::map<double, std::weak_ptr<int>> living;
  std::set<double> removed;
  std::mt19937 random(2);
  for (int step = 0; step < 20000; ++step) {
    if (living.empty() || random() % 5 < 3) {
      auto value = std::make_shared<int>(step);
      const std::weak_ptr<int> seen = value;
      const double handle = table.insert(std::move(value));
      DEMAND(!removed.count(handle) && living.emplace(handle, seen).second);
    } else {
      auto chosen = living.begin();
      std::advance(chosen, random() % std::min<size_t>(living.size(), 50));
      std::shared_ptr<int> out;
      DEMAND(table.remove(chosen->first, out) && out.use_count() == 1);
      DEMAND(out == chosen->second.lock());
      removed.insert(chosen->first);
      living.erase(chosen);
    }
    DEMAND(table.live() == living.size());
  }
  for (const auto& [handle, value] : living) {
    DEMAND(table.find(handle) && *table.find(handle) == value.lock());
    DEMAND(!table.find(handle + 0.5) && !table.find(-handle) && !table.find(handle + riverrun::kSlotCount));
  }
  std::shared_ptr<int> out;
  for (const double handle : removed) DEMAND(!table.find(handle) && !table.remove(handle, out));
}

// A slot whose generations are used up is retired: no old handle becomes valid again.
static void slotsRetire() {
  SlotTable<int, 5> table;
  std::set<double> given;
  int out;
  for (int i = 0; i < 1000; ++i) {
    const double handle = table.insert(int{i});
    DEMAND(given.insert(handle).second && *table.find(handle) == i);
    DEMAND(table.remove(handle, out) && out == i && table.live() == 0);
  }
  for (const double handle : given) DEMAND(!table.find(handle));
  const double most = (static_cast<double>(riverrun::kLastGeneration) + 1) * riverrun::kSlotCount - 1;
  DEMAND(most == 9007199254740991.0);
}

int main() {
  sizeClasses();
  slotsAgreeWithMap();
  slotsRetire();
  std::puts("good");
}
