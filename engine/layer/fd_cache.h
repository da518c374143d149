// FdCache: open descriptors by number (of an inode, of an open file), kept while the budget lasts.
//
// Owned by Parts; internally synchronised, any thread.  A descriptor taken out stays open while it is held,
// evicted or not; what was evicted is opened again by whoever needs it.  Evicts by clock, a quarter at a
// time, and all where the process has no descriptor left.
#ifndef PLYFS_ENGINE_LAYER_FD_CACHE_H_
#define PLYFS_ENGINE_LAYER_FD_CACHE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/mutex.h"
#include "engine/io/spare_descriptors.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

using SharedFd = std::shared_ptr<const UniqueFd>;

inline SharedFd Share(UniqueFd fd) {
  return std::make_shared<const UniqueFd>(std::move(fd));
}

class FdCache {
 public:
  // `turn`: among those who keep descriptors.
  explicit FdCache(size_t capacity, SpareDescriptors::Turn turn = SpareDescriptors::Turn::kFirst)
      : per_shard_(capacity / kShards + 1),
        spare_(this, [](void* self) { static_cast<FdCache*>(self)->Clear(); }, turn) {}
  // Before the first Put.
  void SetCapacity(size_t capacity) { per_shard_ = capacity / kShards + 1; }

  // Null: not here.
  SharedFd Find(uint64_t key);
  void Put(uint64_t key, SharedFd fd);
  void Erase(uint64_t key);
  void Clear();
  size_t size();

 private:
  static constexpr size_t kShards = 16;
  struct Entry {
    SharedFd fd;
    bool used;
  };
  struct Shard {
    Mutex mu{LockRank::kFdCache};
    absl::flat_hash_map<uint64_t, Entry> map ABSL_GUARDED_BY(mu);
  };
  Shard& ShardOf(uint64_t key) { return shards_[key % kShards]; }
  // Moves what is to be closed into `out`: closing can block and must not happen under the lock.
  void Evict(Shard& shard, std::vector<SharedFd>* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);

  size_t per_shard_;  // constant once in use
  std::array<Shard, kShards> shards_;
  SpareDescriptors spare_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_FD_CACHE_H_
