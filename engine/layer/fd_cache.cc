#include "engine/layer/fd_cache.h"

namespace plyfs {

SharedFd FdCache::Find(uint64_t key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return nullptr;
  it->second.used = true;
  return it->second.fd;
}

void FdCache::Put(uint64_t key, SharedFd fd) {
  std::vector<SharedFd> closing;
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Entry& entry = shard.map[key];
  closing.push_back(std::move(entry.fd));
  entry = Entry{std::move(fd), true};
  if (shard.map.size() > per_shard_) Evict(shard, &closing);
}

void FdCache::Erase(uint64_t key) {
  SharedFd closing;
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return;
  closing = std::move(it->second.fd);
  shard.map.erase(it);
}

void FdCache::Clear() {
  for (Shard& shard : shards_) {
    absl::flat_hash_map<uint64_t, Entry> closing;  // after the lock
    MutexLock lock(shard.mu);
    closing.swap(shard.map);
  }
}

size_t FdCache::size() {
  size_t n = 0;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    n += shard.map.size();
  }
  return n;
}

void FdCache::Evict(Shard& shard, std::vector<SharedFd>* out) {
  size_t target = per_shard_ - per_shard_ / 4;
  for (int turn = 0; turn < 2 && shard.map.size() > target; ++turn) {
    for (auto it = shard.map.begin(); it != shard.map.end() && shard.map.size() > target;) {
      auto next = std::next(it);
      if (it->second.used) {
        it->second.used = false;
      } else {
        out->push_back(std::move(it->second.fd));
        shard.map.erase(it);
      }
      it = next;
    }
  }
}

}  // namespace plyfs
