// Exclusion: one at a time a key, for steps that do I/O: changes of a directory, a copy-up, a load.
//
// A state with waiters, not a mutex: no lock is held while the holder works.  Owned by Parts; any thread.
// Where one thread holds several, they were taken in the order of StateRank, keys of one rank in ascending
// order (docs/locks.md); debug builds check it.
#ifndef PLYFS_ENGINE_OPS_EXCLUSION_H_
#define PLYFS_ENGINE_OPS_EXCLUSION_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/base/mutex.h"

namespace plyfs {

// Outermost first.
enum class StateRank : uint8_t { kCopies, kDirectories, kListings, kLoads, kMoves };

class Exclusion {
 public:
  explicit Exclusion(StateRank rank) : rank_(rank) {}

  // Gives the key back when it goes.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(other.key_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Hold() {
      if (owner_) owner_->Release(key_);
    }

   private:
    friend class Exclusion;
    Hold(Exclusion* owner, uint64_t key) : owner_(owner), key_(key) {}
    Exclusion* owner_ = nullptr;
    uint64_t key_ = 0;
  };

  // Waits until the key is free.
  Hold Acquire(uint64_t key);
  // Somebody has it.
  bool Held(uint64_t key);
  // All of them, in ascending order, each once.
  std::vector<Hold> AcquireAll(std::vector<uint64_t> keys);

 private:
  static constexpr size_t kShards = 64;
  struct Shard {
    Mutex mu{LockRank::kExclusion};
    CondVar freed;
    absl::flat_hash_set<uint64_t> held ABSL_GUARDED_BY(mu);
  };
  Shard& ShardOf(uint64_t key) { return shards_[(key ^ (key >> 17)) % kShards]; }
  void Release(uint64_t key);

  const StateRank rank_;
  std::array<Shard, kShards> shards_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_EXCLUSION_H_
