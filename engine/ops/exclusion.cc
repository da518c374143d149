#include "engine/ops/exclusion.h"

#include <algorithm>

namespace plyfs {

Exclusion::Hold Exclusion::Acquire(uint64_t key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  while (!shard.held.insert(key).second) shard.freed.Wait(shard.mu);
  return Hold(this, key);
}

bool Exclusion::Held(uint64_t key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  return shard.held.contains(key);
}

std::vector<Exclusion::Hold> Exclusion::AcquireAll(std::vector<uint64_t> keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<Hold> holds;
  holds.reserve(keys.size());
  for (uint64_t key : keys) holds.push_back(Acquire(key));
  return holds;
}

void Exclusion::Release(uint64_t key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  shard.held.erase(key);
  shard.freed.NotifyAll();
}

}  // namespace plyfs
