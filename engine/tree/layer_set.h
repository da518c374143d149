// LayerSet: which lower layers hold a directory.  Interned: directories with the same set share one object,
// so a set of 500 layers costs its bits once.
//
// LayerSets are immutable; LayerSetTable is owned by Parts and internally synchronised.
#ifndef PLYFS_ENGINE_TREE_LAYER_SET_H_
#define PLYFS_ENGINE_TREE_LAYER_SET_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"

namespace plyfs {

class LayerSet {
 public:
  // Topmost first.
  const std::vector<LayerId>& layers() const { return layers_; }
  size_t size() const { return layers_.size(); }
  bool empty() const { return layers_.empty(); }

 private:
  friend class LayerSetTable;
  std::vector<LayerId> layers_;
};

using LayerSetRef = std::shared_ptr<const LayerSet>;

class LayerSetTable {
 public:
  // The one set of these layers, which are sorted, topmost first.
  LayerSetRef Intern(std::vector<LayerId> layers);
  size_t size() const;

 private:
  mutable Mutex mu_{LockRank::kLayerSets};
  absl::flat_hash_map<std::vector<LayerId>, std::weak_ptr<const LayerSet>> sets_ ABSL_GUARDED_BY(mu_);
  size_t sweep_at_ ABSL_GUARDED_BY(mu_) = 1024;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_LAYER_SET_H_
