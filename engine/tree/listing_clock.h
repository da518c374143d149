// ListingClock: how much memory the listings of all directories take, and which go when it is too much.
//
// Owned by Tree; internally synchronised, any thread.  Second chance: the hand passes over a listing that was
// used since it last came by (Inode::TakeListingUse) and drops the next one.  What is dropped is read again
// when it is next needed; views of it that are open keep it alive until they are closed.  A directory that
// has a listing stays as long as that, also when the client has forgotten it: it may well ask again.
#ifndef PLYFS_ENGINE_TREE_LISTING_CLOCK_H_
#define PLYFS_ENGINE_TREE_LISTING_CLOCK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/tree/inode_table.h"

namespace plyfs {

class ListingClock {
 public:
  // What a directory takes besides its listing.
  static constexpr size_t kPerDirectory = sizeof(Inode) + 512;

  // Before the first listing.
  void SetLimit(size_t bytes) { limit_ = bytes; }

  // A listing of so many bytes was published for the directory, or has grown to that.  Drops others, and in
  // the end this one, until what is left fits.
  void Charge(const InodeRef& dir, size_t bytes);

  // The directory is no more (or has lost its listing for good): it is let go.
  void Drop(const Inode& dir);
  // Lets go of the directories that only this holds: the client has forgotten them.  Gives how many.
  size_t ReleaseForgotten();

  // Of listings that there may still be.
  size_t bytes() const;

 private:
  struct Item {
    InodeRef dir;
    size_t bytes = 0;
  };
  // The next to go; null when there is none.
  InodeRef NextVictim();
  // Of the next few, those that have lost their listing otherwise: to be dropped by the caller.
  std::vector<InodeRef> Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  InodeRef TakeOut(size_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  size_t limit_ = ~size_t{0};  // constant once there are listings

  mutable Mutex mu_{LockRank::kListingClock};
  std::vector<Item> ring_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<NodeId, size_t> places_ ABSL_GUARDED_BY(mu_);  // in ring_
  size_t hand_ ABSL_GUARDED_BY(mu_) = 0;
  size_t broom_ ABSL_GUARDED_BY(mu_) = 0;
  size_t total_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_LISTING_CLOCK_H_
