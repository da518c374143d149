// Layer: one directory tree of the stack, opened once by path and from then on reached through descriptors
// only.
//
// Owned by LayerStack; constant after Open but for the root descriptor, which may once be exchanged for a
// clone of the mount (see Open).  Any thread.  Nothing outside the tree is ever opened through it: paths
// resolve beneath the root, without symlinks and without crossing mounts (M10, L2).
#ifndef PLYFS_ENGINE_LAYER_LAYER_H_
#define PLYFS_ENGINE_LAYER_LAYER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/base/result.h"
#include "engine/format/anchor.h"
#include "engine/format/origin.h"
#include "engine/io/batch.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

class IndexFile;

class Layer {
 public:
  // Symlinks in `path` itself are followed (M7).  ENOENT, ENOTDIR as the kernel gives them.
  static Result<std::unique_ptr<Layer>> Open(LayerId id, const std::string& path);
  ~Layer();

  LayerId id() const { return id_; }
  const std::string& path() const { return path_; }  // for messages only
  uint64_t device() const { return root_id_.dev; }
  const ObjectId& root_id() const { return root_id_; }
  // Of the filesystem; all zero where it has none.
  const FsUuid& uuid() const { return uuid_; }
  // Of btrfs and the like; 0 elsewhere.
  uint64_t subvolume() const { return subvolume_; }
  // On a network or FUSE filesystem: a call may take long or never return.
  bool slow() const { return slow_; }
  // How quickly the filesystem answers, shared by its layers; set by LayerStack.
  FsPace* pace() const { return pace_; }
  uint32_t name_max() const { return name_max_; }
  // What is known of the layer from a file made earlier; null: nothing.  Set by LayerStack.
  IndexFile* index() const { return index_.get(); }
  // The same where it may be believed without asking the layer (lower=frozen).
  IndexFile* trusted_index() const { return index_is_trusted_ ? index_.get() : nullptr; }

  // O_PATH descriptor of the root; lives as long as the layer.
  int root() const { return root_.load(std::memory_order_acquire); }

  // The directory's own path with links resolved, as this mount namespace has it; for comparing layers.
  std::string CanonicalPath() const;

  // An object beneath the root; `flags` as openat2 has them, O_CLOEXEC and O_NOFOLLOW are added.  A submount
  // that covers the object is looked beneath, where privilege allows it; else EREMOTE.
  Result<UniqueFd> OpenAt(const LowerPath& path, int flags) const;
  Result<UniqueFd> OpenAt(const std::string& path, int flags) const;

 private:
  friend class LayerStack;
  Layer(LayerId id, std::string path);
  Status UncoverSubmounts() const;

  const LayerId id_;
  const std::string path_;
  ObjectId root_id_;
  FsUuid uuid_{};
  uint64_t subvolume_ = 0;
  bool slow_ = false;
  FsPace* pace_ = nullptr;
  uint32_t name_max_ = 255;
  UniqueFd opened_;
  std::unique_ptr<IndexFile> index_;
  bool index_is_trusted_ = false;
  mutable std::atomic<int> root_{-1};

  mutable Mutex clone_mu_{LockRank::kLayerClone};
  mutable UniqueFd clone_ ABSL_GUARDED_BY(clone_mu_);
};

// Where an open directory is, links resolved.
Result<std::string> CanonicalPathOf(int fd);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_LAYER_H_
