#include "keptPanels.h"
#include "machine.h"

namespace riverrun {

KeptPanels::KeptPanels() : most_(machineBytes() / 8) {}

KeptPanels& KeptPanels::instance() {
  static auto* kept = new KeptPanels;  // never destroyed: libtorch may be gone before
  return *kept;
}

Tensor KeptPanels::find(const Tensor& matrix, RightFactor::Of of, Products products) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find({matrix.unsafeGetTensorImpl(), of, products});
  if (found == entries_.end()) return Tensor();
  if (found->second.version == matrix._version()) return found->second.panels;
  entries_.erase(found);
  return Tensor();
}

void KeptPanels::drop(const Tensor& matrix) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const void* owner = matrix.unsafeGetTensorImpl();
  auto one = entries_.lower_bound({owner, RightFactor::Of::kMatrix, Products::kLibrary});
  while (one != entries_.end() && std::get<0>(one->first) == owner) one = entries_.erase(one);
}

void KeptPanels::keep(const Tensor& matrix, RightFactor::Of of, Products products, const Tensor& panels) {
  const std::lock_guard<std::mutex> lock(mutex_);
  size_t bytes = panels.nbytes();
  for (auto one = entries_.begin(); one != entries_.end();) {
    if (one->second.owner.expired()) {
      one = entries_.erase(one);
    } else {
      bytes += one->second.panels.nbytes();
      ++one;
    }
  }
  if (bytes > most_) return;
  entries_.insert_or_assign(
      {matrix.unsafeGetTensorImpl(), of, products},
      Entry{c10::weak_intrusive_ptr<c10::TensorImpl>(matrix.getIntrusivePtr()), matrix._version(), panels});
}

}  // namespace riverrun
