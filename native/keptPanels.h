// Right factors of products that stay laid out from call to call.
#pragma once

#include <map>
#include <mutex>
#include <tuple>

#include "products.h"

namespace riverrun {

// Panels of parameters that do not change, up to an eighth of the machine's memory. The one list of a process, for
// parameters are their thread's alone.
class KeptPanels {
 public:
  // The panels of a matrix as it is now; undefined where there are none.
  Tensor find(const Tensor& matrix, RightFactor::Of of, Products products);
  // Forgets whatever is kept of a matrix.
  void drop(const Tensor& matrix);
  void keep(const Tensor& matrix, RightFactor::Of of, Products products, const Tensor& panels);

  static KeptPanels& instance();

 private:
  using Key = std::tuple<const void*, RightFactor::Of, Products>;
  struct Entry {
    c10::weak_intrusive_ptr<c10::TensorImpl> owner;  // also keeps its address from being another's
    int64_t version;
    Tensor panels;
  };

  KeptPanels();

  const size_t most_;
  std::mutex mutex_;
  std::map<Key, Entry> entries_;
};

}  // namespace riverrun
