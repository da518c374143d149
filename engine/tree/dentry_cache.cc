#include "engine/tree/dentry_cache.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_set.h"

namespace plyfs {

size_t DentryCache::KeyHash::Mix(NodeId parent, uint64_t name_hash) {
  return (parent * 0x9e3779b97f4a7c15u) ^ name_hash ^ (name_hash >> 29);
}

size_t DentryCache::KeyHash::operator()(const Key& key) const {
  return Mix(key.parent, Name::Trusted(key.name).hash());
}

DentryCache::Found DentryCache::Find(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return {};
  it->second.used = true;
  return {it->second.state, it->second.node};
}

DentryCache::Found DentryCache::FindOrBegin(NodeId parent, Name name, Ticket* ticket) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  NodeId before = it == shard.map.end() ? 0 : it->second.node;
  if (it != shard.map.end() && it->second.state != State::kUnknown) {
    it->second.used = true;
    return {it->second.state, before};
  }
  *ticket = Ticket{parent, shard.next_stamp++, before};
  Put(shard, key, Entry{State::kLoading, true, ticket->stamp, before});
  return {State::kUnknown, before};
}

bool DentryCache::Finish(const Ticket& ticket, Name name, Found answer) {
  KeyView key = View(ticket.parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end() || it->second.state != State::kLoading || it->second.stamp != ticket.stamp) {
    return false;
  }
  Put(shard, key, Entry{answer.state, true, 0, answer.node});
  return true;
}

void DentryCache::Abandon(const Ticket& ticket, Name name) {
  KeyView key = View(ticket.parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it != shard.map.end() && it->second.state == State::kLoading && it->second.stamp == ticket.stamp) {
    Doubt(shard, it);
  }
}

void DentryCache::SetPresent(NodeId parent, Name name, NodeId node) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Put(shard, key, Entry{State::kPresent, true, 0, node});
}

void DentryCache::SetAbsent(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Put(shard, key, Entry{State::kAbsent, true, 0, 0});
}

void DentryCache::Doubt(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  if (auto it = shard.map.find(key); it != shard.map.end()) Doubt(shard, it);
}

void DentryCache::Erase(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return;
  it->second.node = 0;
  Doubt(shard, it);
}

void DentryCache::DoubtIf(NodeId parent, std::string_view name, NodeId node) {
  KeyView key = View(parent, Name::Trusted(name));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end() || it->second.state != State::kPresent || it->second.node != node) return;
  Doubt(shard, it);
}

std::vector<DentryCache::Doubted> DentryCache::DoubtAll(const std::function<bool(NodeId parent)>& chosen) {
  std::vector<Doubted> doubted;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    for (auto it = shard.map.begin(); it != shard.map.end();) {
      auto next = std::next(it);
      if (chosen(it->first.parent)) {
        doubted.push_back(Doubted{it->first.parent, it->first.name});
        Doubt(shard, it);
      }
      it = next;
    }
  }
  return doubted;
}

NodeId DentryCache::SetUnknown(NodeId parent, Name name, NodeId node) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  NodeId before = it == shard.map.end() ? 0 : it->second.node;
  Put(shard, key, Entry{State::kUnknown, true, 0, node});
  return before;
}

void DentryCache::Forget(NodeId parent, std::string_view name, NodeId node) {
  KeyView key = View(parent, Name::Trusted(name));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end() || it->second.node != node) return;
  it->second.node = 0;
  if (it->second.state != State::kLoading) shard.map.erase(it);
}

size_t DentryCache::Negative() {
  size_t n = 0;
  for (const Shard& shard : shards_) n += shard.absent.load(std::memory_order_relaxed);
  return n;
}

bool DentryCache::SweepIsDue() {
  size_t at = sweep_at_.load(std::memory_order_relaxed);
  return Negative() >= at &&
         sweep_at_.compare_exchange_strong(at, std::numeric_limits<size_t>::max(), std::memory_order_relaxed);
}

void DentryCache::Sweep(const std::function<bool(NodeId parent)>& gone) {
  absl::flat_hash_set<NodeId> parents;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    for (const auto& [key, entry] : shard.map) {
      if (entry.state == State::kAbsent) parents.insert(key.parent);
    }
  }
  absl::erase_if(parents, [&](NodeId parent) { return !gone(parent); });
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    shard.absent -= absl::erase_if(shard.map, [&](const auto& known) {
      return known.second.state == State::kAbsent && parents.contains(known.first.parent);
    });
  }
  sweep_at_.store(std::max(kLeastToSweep, 2 * Negative()), std::memory_order_relaxed);
}

size_t DentryCache::size() {
  size_t n = 0;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    n += shard.map.size();
  }
  return n;
}

void DentryCache::Put(Shard& shard, const KeyView& key, Entry entry) {
  auto it = shard.map.find(key);
  if (it == shard.map.end()) {
    it = shard.map.emplace(Key{key.parent, std::string(key.name)}, Entry()).first;
  }
  if (it->second.state == State::kAbsent) --shard.absent;
  it->second = entry;
  if (entry.state == State::kUnknown && entry.node == 0) return (void)shard.map.erase(it);
  if (entry.state == State::kAbsent && ++shard.absent > per_shard_) Evict(shard);
}

void DentryCache::Doubt(Shard& shard, Map::iterator it) {
  if (it->second.state == State::kAbsent) --shard.absent;
  it->second.state = State::kUnknown;
  if (it->second.node == 0) shard.map.erase(it);
}

void DentryCache::Evict(Shard& shard) {
  // One turn of the hand over the shard: what was not used since the last turn goes, down to three quarters.
  size_t target = per_shard_ - per_shard_ / 4;
  for (int turn = 0; turn < 2 && shard.absent > target; ++turn) {
    for (auto it = shard.map.begin(); it != shard.map.end() && shard.absent > target;) {
      auto next = std::next(it);
      if (it->second.state == State::kAbsent) {
        if (it->second.used) {
          it->second.used = false;
        } else {
          --shard.absent;
          if (eviction_sink_) eviction_sink_(it->first.parent, it->first.name);
          shard.map.erase(it);
        }
      }
      it = next;
    }
  }
}

void DentryCache::Shrink() {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    shard.map.rehash(0);
  }
}

}  // namespace plyfs
