#include "engine/tree/dentry_cache.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace plyfs {

size_t DentryCache::KeyHash::Mix(NodeId parent, uint64_t name_hash) {
  return absl::HashOf(parent, name_hash);
}

size_t DentryCache::KeyHash::operator()(const Key& key) const {
  return Mix(key.parent, Name::Trusted(key.name.last()).hash());
}

DentryCache::Found DentryCache::Find(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return {};
  it->second.Use();
  return {it->second.state(), it->second.node()};
}

DentryCache::Found DentryCache::FindOrBegin(NodeId parent, Name name, Ticket* ticket) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  NodeId before = it == shard.map.end() ? 0 : it->second.node();
  if (it != shard.map.end() && it->second.state() != State::kUnknown) {
    it->second.Use();
    return {it->second.state(), before};
  }
  *ticket = Ticket{parent, before, LowerPath().Child(name.bytes())};
  Put(shard, key, Entry(State::kLoading, before), ticket->mark);
  return {State::kUnknown, before};
}

bool DentryCache::Loads(const Shard& shard, Map::const_iterator it, const Ticket& ticket) {
  return it != shard.map.end() && it->second.state() == State::kLoading &&
         it->first.name.IsSameCopy(ticket.mark);
}

bool DentryCache::Finish(const Ticket& ticket, Name name, Found answer, LowerPath spelling) {
  KeyView key = View(ticket.parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  if (!Loads(shard, shard.map.find(key), ticket)) return false;
  Put(shard, key, Entry(answer.state, answer.node), std::move(spelling));
  return true;
}

void DentryCache::Abandon(const Ticket& ticket, Name name) {
  KeyView key = View(ticket.parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (Loads(shard, it, ticket)) Doubt(shard, it);
}

void DentryCache::SetPresent(NodeId parent, Name name, NodeId node, LowerPath spelling) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Put(shard, key, Entry(State::kPresent, node), std::move(spelling));
}

void DentryCache::SetAbsent(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Put(shard, key, Entry(State::kAbsent, 0), LowerPath());
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
  it->second.SetNode(0);
  Doubt(shard, it);
}

void DentryCache::DoubtIf(NodeId parent, std::string_view name, NodeId node) {
  KeyView key = View(parent, Name::Trusted(name));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end() || it->second.state() != State::kPresent || it->second.node() != node) return;
  Doubt(shard, it);
}

std::vector<DentryCache::Doubted> DentryCache::DoubtAll(const std::function<bool(NodeId parent)>& chosen) {
  std::vector<Doubted> doubted;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    for (auto it = shard.map.begin(); it != shard.map.end();) {
      auto next = std::next(it);
      if (chosen(it->first.parent)) {
        doubted.push_back(Doubted{it->first.parent, std::string(it->first.name.last())});
        Doubt(shard, it);
      }
      it = next;
    }
  }
  return doubted;
}

NodeId DentryCache::SetUnknown(NodeId parent, Name name, NodeId node, LowerPath spelling) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  NodeId before = it == shard.map.end() ? 0 : it->second.node();
  Put(shard, key, Entry(State::kUnknown, node), std::move(spelling));
  return before;
}

void DentryCache::Forget(NodeId parent, std::string_view name, NodeId node) {
  KeyView key = View(parent, Name::Trusted(name));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end() || it->second.node() != node) return;
  it->second.SetNode(0);
  if (it->second.state() != State::kLoading) shard.map.erase(it);
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
      if (entry.state() == State::kAbsent) parents.insert(key.parent);
    }
  }
  absl::erase_if(parents, [&](NodeId parent) { return !gone(parent); });
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    shard.absent -= absl::erase_if(shard.map, [&](const auto& known) {
      return known.second.state() == State::kAbsent && parents.contains(known.first.parent);
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

size_t DentryCache::bytes() {
  constexpr size_t kName = 48;  // one of 11 to 26 bytes, as the allocator rounds it
  size_t bytes = 0;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    bytes += shard.map.capacity() * (sizeof(Map::value_type) + 1) + shard.map.size() * kName;
  }
  return bytes;
}

void DentryCache::Put(Shard& shard, const KeyView& key, Entry entry, LowerPath spelling) {
  auto it = shard.map.find(key);
  if (it == shard.map.end()) {
    if (spelling.last() != key.name) spelling = LowerPath().Child(key.name);
    it = shard.map.emplace(Key{key.parent, std::move(spelling)}, Entry()).first;
  } else if (spelling.last() == key.name) {
    it->first.name = std::move(spelling);
  }
  if (it->second.state() == State::kAbsent) --shard.absent;
  it->second = entry;
  if (entry.state() == State::kUnknown && entry.node() == 0) return (void)shard.map.erase(it);
  if (entry.state() == State::kAbsent && ++shard.absent > per_shard_) Evict(shard);
}

void DentryCache::Doubt(Shard& shard, Map::iterator it) {
  if (it->second.state() == State::kAbsent) --shard.absent;
  it->second.SetState(State::kUnknown);
  if (it->second.node() == 0) shard.map.erase(it);
}

void DentryCache::Evict(Shard& shard) {
  // One turn of the hand over the shard: what was not used since the last turn goes, down to three quarters.
  size_t target = per_shard_ - per_shard_ / 4;
  for (int turn = 0; turn < 2 && shard.absent > target; ++turn) {
    for (auto it = shard.map.begin(); it != shard.map.end() && shard.absent > target;) {
      auto next = std::next(it);
      if (it->second.state() == State::kAbsent && !it->second.TakeUse()) {
        --shard.absent;
        if (eviction_sink_) eviction_sink_(it->first.parent, it->first.name.last());
        shard.map.erase(it);
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
