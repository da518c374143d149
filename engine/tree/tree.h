// Tree: everything that is known of the merged tree, in memory.  All of it but lookup counts, open handles
// and nameless inodes may be dropped at any moment and be rebuilt from the layers.
//
// Owned by Parts; its members synchronise themselves.
#ifndef PLYFS_ENGINE_TREE_TREE_H_
#define PLYFS_ENGINE_TREE_TREE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "engine/tree/dentry_cache.h"
#include "engine/tree/ebb.h"
#include "engine/tree/inode_table.h"
#include "engine/tree/layer_set.h"
#include "engine/tree/list_habits.h"
#include "engine/tree/listing_clock.h"
#include "engine/tree/number_claims.h"

namespace plyfs {

struct Tree {
  DentryCache dentries;
  InodeTable inodes{dentries};
  NumberClaims numbers{inodes};
  LayerSetTable layer_sets;
  ListingClock listings;  // after inodes: holds references
  ListHabits habits;
  Ebb ebb;
  // Whether names are looked up in listings.  Constant once the mount is live.
  bool ask_listings = true;

  // What listings and attributes together may take, in bytes.  Constant once the mount is live.
  size_t memory = ~size_t{0};
  // After attributes were stored: they take what listings leave, an eighth in any case.
  void FitAttrs() {
    constexpr size_t kAttrBytes = 130;
    if (inodes.attrs() <= memory / 8 / kAttrBytes) return;
    const size_t room = memory - std::min(listings.bytes(), memory / 8 * 7);
    inodes.EvictAttrs(room / kAttrBytes);
  }

  // How long the client may keep what it is told, in seconds: an hour while changes made by hand are noticed
  // (or promised not to happen), one second where no watch could be had (U2).
  std::atomic<uint32_t> ttl_s{3600};
  static constexpr uint32_t kUnwatchedTtl = 1;

  // The client may keep what is kept here, and for as long: that `name` leads to `node` (0: to nothing), and
  // attributes.  That somebody watches by now says nothing of what was read before.
  uint32_t NameTtl(const Inode& dir, Name name, NodeId node) {
    if (!dir.watched()) return kUnwatchedTtl;
    DentryCache::Found found = dentries.Find(dir.id(), name);
    bool kept = node != 0 ? found.state == DentryCache::State::kPresent && found.node == node
                          : found.state == DentryCache::State::kAbsent;
    return kept ? Ttl() : kUnwatchedTtl;
  }
  uint32_t AttrTtl(const Inode& inode, bool kept) const {
    return kept && inode.AttrWatching().all ? Ttl() : kUnwatchedTtl;
  }

 private:
  uint32_t Ttl() const { return ttl_s.load(std::memory_order_relaxed); }
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_TREE_H_
