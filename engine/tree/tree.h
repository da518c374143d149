// Tree: everything that is known of the merged tree, in memory.  All of it but lookup counts, open handles and
// nameless inodes may be dropped at any moment and be rebuilt from the layers.
//
// Owned by Parts; its members synchronise themselves.
#ifndef PLYFS_ENGINE_TREE_TREE_H_
#define PLYFS_ENGINE_TREE_TREE_H_

#include <atomic>
#include <cstdint>

#include "engine/tree/dentry_cache.h"
#include "engine/tree/inode_table.h"
#include "engine/tree/layer_set.h"

namespace plyfs {

struct Tree {
  DentryCache dentries;
  InodeTable inodes{dentries};
  LayerSetTable layer_sets;

  // How long the client may keep what it is told, in seconds: an hour while changes made by hand are noticed
  // (or promised not to happen), one second where no watch could be had (U2).
  std::atomic<uint32_t> ttl_s{3600};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_TREE_H_
