// InodeTable: every inode that the client or the engine holds, by nodeid and by what object it is.
//
// Owned by Parts; internally synchronised, any thread.  A nodeid is a slot and its generation; a slot is used
// again only under its next generation, so an old nodeid finds nothing (the operation answers ESTALE) and
// never another object.
#ifndef PLYFS_ENGINE_TREE_INODE_TABLE_H_
#define PLYFS_ENGINE_TREE_INODE_TABLE_H_

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/mutex.h"
#include "engine/tree/dentry_cache.h"
#include "engine/tree/inode.h"

namespace plyfs {

class InodeTable {
 public:
  // Names of inodes that go away are dropped from `dentries`, which outlives the table.
  explicit InodeTable(DentryCache& dentries);
  ~InodeTable();
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;

  // Null: no such node now.
  InodeRef Find(NodeId id);

  // A new inode that no other lookup will find by its object (the root; a lower file whose links split at
  // copy-up, S6; a nameless file).  The first one made is the root.
  InodeRef Insert(InodeInit init);
  // The inode of `object`, or a new one made from `init` and known by it.  An existing inode of another type
  // is disowned: its object is gone and its number was reused.
  InodeRef Intern(const ObjectId& object, InodeInit init);
  // The inode known by `object`, or null.
  InodeRef FindObject(const ObjectId& object);
  // Copy-up: the inode is known by `object` from now on.
  void Rekey(Inode& inode, const ObjectId& object);
  // The object is gone (or is not to be found by its number any more).
  void Disown(Inode& inode);

  // The client's count of `inode`; while it is not zero the inode stays.
  void AddLookup(Inode& inode);
  void Forget(NodeId id, uint64_t count);

  // `dir` has this name only, which is beneath nothing that the tree knows beneath `dir`: what a hand has
  // moved out of it, and it into that, loses the name that it had here.
  void NameDirectory(Inode& dir, InodeRef parent, std::string_view name);

  // Parents and names of an inode that the client holds; none of another.
  std::vector<std::pair<NodeId, std::string>> NamesTold(NodeId id);

  // All inodes that there are, in no order.
  std::vector<InodeRef> All();

  // Layers are promised not to change: every directory counts as watched from the start.  Before the first
  // inode.
  void AssumeWatched() { first_watch_word_ = static_cast<uint32_t>(Inode::Watch::kWatched); }
  uint32_t first_watch_word() const { return first_watch_word_; }

  // How many have their attributes cached.
  size_t attrs() const { return attrs_.load(std::memory_order_relaxed); }
  // Where more than `most` have, a few of those whose attributes nobody has asked for lately lose them.  For
  // who has stored some.
  void EvictAttrs(size_t most);

  size_t size() const { return live_.load(std::memory_order_relaxed); }
  // Takes no more room than what it holds needs, but for slots that were once handed out.
  void Shrink();

 private:
  friend class Inode;
  friend class InodeRef;
  static constexpr size_t kShards = 64;
  static constexpr size_t kChunkSlots = 4096;
  static constexpr size_t kMaxChunks = 1 << 16;
  struct Slot {
    Inode* inode = nullptr;
    uint32_t generation = 0;
  };
  using Chunk = std::array<Slot, kChunkSlots>;
  struct SlotShard {
    Mutex mu{LockRank::kSlots};
  };
  struct IdentityShard {
    Mutex mu{LockRank::kIdentities};
    absl::flat_hash_map<ObjectId, Inode*> map ABSL_GUARDED_BY(mu);
  };

  static uint32_t SlotOf(NodeId id) { return static_cast<uint32_t>(id); }
  Mutex& SlotMutex(uint32_t slot) { return slot_shards_[slot % kShards].mu; }
  // REQUIRES: the slot was handed out by TakeSlot.
  Slot& SlotAt(uint32_t slot) {
    return (*chunks_[slot / kChunkSlots].load(std::memory_order_acquire))[slot % kChunkSlots];
  }
  IdentityShard& ShardOf(const ObjectId& object);
  uint32_t TakeSlot();
  static InodeRef TryRef(Inode* inode);
  // `inode` is not known by `object` any more, if it was.
  void Unmap(const ObjectId& object, const Inode& inode);
  InodeRef Make(InodeInit init);
  // The last reference is gone.  Dropping an inode may drop its parents in turn; a loop does that, since a
  // client chooses how deep its tree is.
  void Retire(Inode* inode);
  void RetireOne(Inode* inode);
  void CountAttr(int change) { attrs_.fetch_add(static_cast<size_t>(change), std::memory_order_relaxed); }
  bool IsLive(NodeId id);

  DentryCache& dentries_;
  uint32_t first_watch_word_ = 0;  // constant once there is an inode
  std::array<SlotShard, kShards> slot_shards_;
  std::unique_ptr<std::atomic<Chunk*>[]> chunks_;
  std::array<IdentityShard, kShards> identities_;
  std::atomic<size_t> live_{0};
  std::atomic<size_t> attrs_{0};

  // Held while a directory gets another name: two at once could each become the other's parent.
  Mutex places_mu_{LockRank::kPlaces};

  Mutex free_mu_{LockRank::kFreeSlots};
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(free_mu_);
  uint32_t next_slot_ ABSL_GUARDED_BY(free_mu_) = 1;
  uint32_t hand_ ABSL_GUARDED_BY(free_mu_) = 1;  // EvictAttrs goes on at this slot
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_INODE_TABLE_H_
