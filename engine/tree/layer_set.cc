#include "engine/tree/layer_set.h"

namespace plyfs {

LayerSetRef LayerSetTable::Intern(std::vector<LayerId> layers) {
  MutexLock lock(mu_);
  std::weak_ptr<const LayerSet>& slot = sets_[layers];
  if (LayerSetRef found = slot.lock()) return found;
  auto made = std::make_shared<LayerSet>();
  made->layers_ = std::move(layers);
  slot = made;
  if (sets_.size() > sweep_at_) {
    absl::erase_if(sets_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = 2 * sets_.size() + 1024;
  }
  return made;
}

size_t LayerSetTable::size() const {
  MutexLock lock(mu_);
  return sets_.size();
}

}  // namespace plyfs
