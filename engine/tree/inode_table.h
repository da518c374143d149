// InodeTable: every inode that the client or the engine holds, by nodeid and by what object it is.
//
// Owned by Parts; internally synchronised, any thread.  A nodeid is a slot and its generation; a slot is used
// again only under its next generation, so an old nodeid finds nothing (the operation answers ESTALE) and
// never another object.
#ifndef PLYFS_ENGINE_TREE_INODE_TABLE_H_
#define PLYFS_ENGINE_TREE_INODE_TABLE_H_

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
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
  // With its last lookup the inode gets the number, whoever else still holds it.  True: it was another
  // before.
  bool Forget(NodeId id, uint64_t count, std::optional<uint64_t> number = std::nullopt);
  // Unless the client knows it: the inode has the number that it is known by after AddLookup.
  bool Renumber(Inode& inode, uint64_t number);

  // `dir` has this name only, which is beneath nothing that the tree knows beneath `dir`: what a hand has
  // moved out of it, and it into that, loses the name that it had here.
  void NameDirectory(Inode& dir, InodeRef parent, std::string_view name);

  // Parents and names of an inode that the client holds; none of another.
  std::vector<std::pair<NodeId, std::string>> NamesTold(NodeId id);

  // All inodes that there are, in no order.
  std::vector<InodeRef> All();
  // Likewise, one by one, without a lock.
  template <typename See>
  void Visit(See see) {
    uint32_t end;
    {
      MutexLock lock(free_mu_);
      end = next_slot_;
    }
    for (uint32_t slot = 1; slot < end; ++slot) {
      if (InodeRef inode = InSlot(slot)) see(inode);
    }
  }

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
  // About what inodes take, without their attributes, listings and names.
  size_t bytes();
  size_t attr_bytes() const { return attrs() * (sizeof(Attr) + kHeader); }
  // Takes no more room than what it holds needs.
  void Shrink();

 private:
  friend class Inode;
  friend class InodeRef;
  static constexpr size_t kShards = 64;
  static constexpr size_t kHeader = 8;  // the allocator's, of each piece
  // Some pages: one is given back only when all its slots are free.  What is known of it stays (ChunkUse).
  static constexpr size_t kChunkSlots = 256;
  static constexpr size_t kMaxChunks = kMaxSlots / kChunkSlots;
  // Inodes stand in their slots.
  union Slot {
    Slot() : free{} {}
    ~Slot() {}
    struct Free {
      uint32_t generation;  // of the next inode here
      uint32_t next;        // 0 ends the list
    } free;                 // while it is free, under free_mu_
    Inode inode;
  };
  struct Chunk {
    explicit Chunk(InodeTable& of) : table(of) {}
    std::array<Slot, kChunkSlots> slots;  // first, so that an inode finds its chunk (TableOf)
    InodeTable& table;
    // In which slots there are inodes; each bit changes under its slot's mutex.
    std::array<std::atomic<uint64_t>, kChunkSlots / 64> live{};
    std::atomic<uint64_t>& LiveWord(uint32_t slot) { return live[slot % kChunkSlots / 64]; }
  };
  struct SlotShard {
    Mutex mu{LockRank::kSlots};
  };
  // Slots of inodes by their identity, which does not change while they are in the set.
  struct ByIdentity {
    using is_transparent = void;
    InodeTable* table;
    ObjectId Of(uint32_t slot) const { return table->SlotAt(slot).inode.Identity(); }
    static const ObjectId& Of(const ObjectId& object) { return object; }
    size_t operator()(const auto& a) const { return absl::HashOf(Of(a)); }
    bool operator()(const auto& a, const auto& b) const { return Of(a) == Of(b); }
  };
  using Known = absl::flat_hash_set<uint32_t, ByIdentity, ByIdentity>;
  struct IdentityShard {
    Mutex mu{LockRank::kIdentities};
    Known known ABSL_GUARDED_BY(mu){0, ByIdentity{nullptr}, ByIdentity{nullptr}};
  };

  static uint32_t SlotOf(NodeId id) { return static_cast<uint32_t>(id); }
  static uint64_t LiveBit(uint32_t slot) { return uint64_t{1} << (slot % 64); }
  static InodeTable& TableOf(const Inode& inode);
  Mutex& SlotMutex(uint32_t slot) { return slot_shards_[slot % kShards].mu; }
  // Null: it was given back.  Under the slot's mutex, or free_mu_.
  Chunk* ChunkOf(uint32_t slot) { return chunks_[slot / kChunkSlots].load(std::memory_order_acquire); }
  // The inode there, or null.  Under the slot's mutex.
  Inode* FindSlot(uint32_t slot) {
    Chunk* chunk = ChunkOf(slot);
    if (!chunk) return nullptr;
    const uint64_t live = chunk->LiveWord(slot).load(std::memory_order_relaxed);
    return (live & LiveBit(slot)) == 0 ? nullptr : &chunk->slots[slot % kChunkSlots].inode;
  }
  // REQUIRES: the slot was handed out by TakeSlot and stays so meanwhile, or, under free_mu_, it is free.
  Slot& SlotAt(uint32_t slot) { return ChunkOf(slot)->slots[slot % kChunkSlots]; }
  IdentityShard& ShardOf(const ObjectId& object);
  // The number of the inode that will be there.
  NodeId TakeSlot();
  // The inode that had the number has gone.
  void FreeSlot(NodeId id);
  void RestoreChunk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(free_mu_);
  std::vector<std::unique_ptr<Chunk>> TakeVacantChunks();
  static InodeRef TryRef(Inode* inode);
  InodeRef InSlot(uint32_t slot);
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
  // From calloc, so that what of it was never used takes no memory.
  struct FreeArray {
    void operator()(void* array) const { std::free(array); }
  };
  std::unique_ptr<std::atomic<Chunk*>[], FreeArray> chunks_;
  std::array<IdentityShard, kShards> identities_;
  std::atomic<size_t> live_{0};
  std::atomic<size_t> attrs_{0};

  // Held while a directory gets another name: two at once could each become the other's parent.
  Mutex places_mu_{LockRank::kPlaces};

  Mutex free_mu_{LockRank::kFreeSlots};
  uint32_t free_ ABSL_GUARDED_BY(free_mu_) = 0;  // the first that is free again; 0: none
  uint32_t next_slot_ ABSL_GUARDED_BY(free_mu_) = 1;
  struct ChunkUse {
    uint32_t taken = 0;  // slots that are handed out
    bool vacant = false;
    uint32_t first_generation = 0;  // when it is made again
  };
  std::vector<ChunkUse> uses_ ABSL_GUARDED_BY(free_mu_);
  std::vector<uint32_t> vacant_ ABSL_GUARDED_BY(free_mu_);  // chunks that were given back
  uint32_t hand_ ABSL_GUARDED_BY(free_mu_) = 1;             // EvictAttrs goes on at this slot
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_INODE_TABLE_H_
