// DentryCache: what is known of a name in a directory: Present (which inode), Absent, or Loading (one probe
// in flight).
//
// Owned by Parts; internally synchronised, any thread, never blocks: who finds Loading waits elsewhere
// (ops/exclusion.h) and asks again.  Absent is a fact, not "never looked".  Sharded by (parent, name); each
// shard holds at most its part of the budget and evicts by clock.  Present entries go with their inode.
//
// A name that is doubted is not forgotten: until it is known again, or its inode goes, the entry says whom it
// led to, so that a change of the name finds that inode, and so that nobody replaces it unnoticed.
#ifndef PLYFS_ENGINE_TREE_DENTRY_CACHE_H_
#define PLYFS_ENGINE_TREE_DENTRY_CACHE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/ids.h"
#include "engine/base/mutex.h"
#include "engine/base/name.h"
#include "engine/format/lower_path.h"

namespace plyfs {

class DentryCache {
 public:
  enum class State : uint8_t { kUnknown, kPresent, kAbsent, kLoading };
  struct Found {
    State state = State::kUnknown;
    NodeId node = 0;  // kPresent: whom it leads to; kUnknown and kLoading: whom it led to, 0: not known
  };
  // Says that the one who holds it loads the name.
  struct Ticket {
    NodeId parent = 0;
    NodeId before = 0;  // whom the name led to, 0: not known
    LowerPath mark;     // the entry's spelling while it loads; no other load has this one
  };

  // At most `entries` negative entries in all.
  explicit DentryCache(size_t entries = 1 << 18) : per_shard_(entries / kShards + 1) {}

  // Who is told of negative entries that are dropped for want of room: nobody would tell the client any more
  // if such a name came to be.  Called under a shard's lock; before the first entry.
  using EvictionSink = std::function<void(NodeId parent, std::string_view name)>;
  void SetEvictionSink(EvictionSink sink) { eviction_sink_ = std::move(sink); }

  Found Find(NodeId parent, Name name);
  // kUnknown becomes kLoading and *ticket is the caller's; otherwise as Find.
  Found FindOrBegin(NodeId parent, Name name, Ticket* ticket);
  // Where a call takes `spelling`, that is the name as its inode has it (Inode::SpellingOf), so that its
  // bytes are there once; an empty one costs a copy.

  // The probe's answer; kUnknown: of which nobody would tell a change.  False: the name was changed (Set,
  // Doubt) since FindOrBegin, nothing was recorded and the answer may be old.
  bool Finish(const Ticket& ticket, Name name, Found answer, LowerPath spelling = {});
  // The probe failed or is not to be remembered.
  void Abandon(const Ticket& ticket, Name name);

  // A change of the tree: overrides whatever is there, a load in flight included.
  void SetPresent(NodeId parent, Name name, NodeId node, LowerPath spelling = {});
  void SetAbsent(NodeId parent, Name name);
  // Not known any more, a load in flight included; whom it led to is.
  void Doubt(NodeId parent, Name name);
  // Likewise, and nobody who lives has the name.
  void Erase(NodeId parent, Name name);
  // Doubts it, if it still says `node`.
  void DoubtIf(NodeId parent, std::string_view name, NodeId node);
  // Likewise every name of the parents that `chosen` picks, in one pass, and tells which they were.
  struct Doubted {
    NodeId parent;
    std::string name;
  };
  std::vector<Doubted> DoubtAll(const std::function<bool(NodeId parent)>& chosen);
  // The name led to `node` (0: to nothing) when it was last seen, and nobody would tell of a change.  Gives
  // whom it led to before.
  NodeId SetUnknown(NodeId parent, Name name, NodeId node, LowerPath spelling = {});
  // `node` is no more, or does not have the name any more.
  void Forget(NodeId parent, std::string_view name, NodeId node);

  // Negative entries of directories that are no more: nobody can ask for them.  True, to one caller, when
  // there are twice as many negative entries as the last sweep has left, so that sweeping costs a constant an
  // entry.
  bool SweepIsDue();
  // After SweepIsDue: drops those whose parent `gone` says is no more.  `gone` is called without locks.
  void Sweep(const std::function<bool(NodeId parent)>& gone);

  size_t size();
  // About what they take, their names among it.
  size_t bytes();
  // Takes no more room than what it holds needs.
  void Shrink();

 private:
  static constexpr size_t kShards = 64;
  static constexpr size_t kLeastToSweep = 1024;  // fewer are not worth it
  struct Key {
    NodeId parent;
    mutable LowerPath name;  // its end; always the same bytes, but not always the same copy of them
  };
  struct KeyView {
    NodeId parent;
    std::string_view name;
    uint64_t hash;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const Key& key) const;
    size_t operator()(const KeyView& key) const { return Mix(key.parent, key.hash); }
    static size_t Mix(NodeId parent, uint64_t name_hash);
  };
  struct KeyEq {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const {
      return a.parent == b.parent && a.name.last() == b.name.last();
    }
    bool operator()(const Key& a, const KeyView& b) const {
      return a.parent == b.parent && a.name.last() == b.name;
    }
  };
  // There are millions of these.
  class Entry {
   public:
    Entry() = default;
    Entry(State state, NodeId node) : state_(static_cast<uint32_t>(state)) { SetNode(node); }
    State state() const { return static_cast<State>(state_); }
    void SetState(State state) { state_ = static_cast<uint32_t>(state); }
    NodeId node() const { return NodeId{generation_} << 32 | slot_; }  // as in Found
    void SetNode(NodeId node) {
      slot_ = static_cast<uint32_t>(node) & kSlotMask;
      generation_ = static_cast<uint32_t>(node >> 32);
    }
    // Since the clock's hand last passed.
    void Use() { used_ = 1; }
    bool TakeUse() {
      const bool was = used_ != 0;
      used_ = 0;
      return was;
    }

   private:
    static constexpr uint32_t kSlotMask = kMaxSlots - 1;
    uint32_t slot_ : 28 = 0;
    uint32_t state_ : 2 = 0;
    uint32_t used_ : 1 = 1;
    uint32_t generation_ = 0;
  };
  using Map = absl::flat_hash_map<Key, Entry, KeyHash, KeyEq>;
  struct Shard {
    Mutex mu{LockRank::kDentries};
    Map map ABSL_GUARDED_BY(mu);
    std::atomic<size_t> absent = 0;  // changes under mu
  };

  static KeyView View(NodeId parent, const Name& name) { return {parent, name.bytes(), name.hash()}; }
  // A shard's map goes by the lower bits.
  Shard& ShardOf(const KeyView& key) { return shards_[(KeyHash()(key) >> 32) % kShards]; }
  void Put(Shard& shard, const KeyView& key, Entry entry, LowerPath spelling)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  static bool Loads(const Shard& shard, Map::const_iterator it, const Ticket& ticket)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  void Doubt(Shard& shard, Map::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  void Evict(Shard& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  size_t Negative();

  const size_t per_shard_;
  EvictionSink eviction_sink_;  // constant once there are entries
  std::array<Shard, kShards> shards_;
  std::atomic<size_t> sweep_at_{kLeastToSweep};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_DENTRY_CACHE_H_
