#include "engine/tree/dentry_cache.h"

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
  return {it->second.state, it->second.state == State::kPresent ? it->second.value : 0};
}

DentryCache::Found DentryCache::FindOrBegin(NodeId parent, Name name, Ticket* ticket) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it != shard.map.end()) {
    it->second.used = true;
    return {it->second.state, it->second.state == State::kPresent ? it->second.value : 0};
  }
  *ticket = Ticket{parent, shard.next_stamp++};
  Put(shard, key, Entry{State::kLoading, true, ticket->stamp});
  return {};
}

bool DentryCache::Finish(const Ticket& ticket, Name name, Found answer) {
  KeyView key = View(ticket.parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it == shard.map.end() || it->second.state != State::kLoading || it->second.value != ticket.stamp) {
    return false;
  }
  Put(shard, key, Entry{answer.state, true, answer.node});
  return true;
}

void DentryCache::Abandon(const Ticket& ticket, Name name) {
  KeyView key = View(ticket.parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it != shard.map.end() && it->second.state == State::kLoading && it->second.value == ticket.stamp) {
    Remove(shard, key);
  }
}

void DentryCache::SetPresent(NodeId parent, Name name, NodeId node) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Put(shard, key, Entry{State::kPresent, true, node});
}

void DentryCache::SetAbsent(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Put(shard, key, Entry{State::kAbsent, true, 0});
}

void DentryCache::Erase(NodeId parent, Name name) {
  KeyView key = View(parent, name);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  Remove(shard, key);
}

void DentryCache::EraseIf(NodeId parent, std::string_view name, NodeId node) {
  KeyView key = View(parent, Name::Trusted(name));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  auto it = shard.map.find(key);
  if (it != shard.map.end() && it->second.state == State::kPresent && it->second.value == node) {
    Remove(shard, key);
  }
}

void DentryCache::EraseAll(NodeId parent) {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    for (auto it = shard.map.begin(); it != shard.map.end();) {
      auto next = std::next(it);
      if (it->first.parent == parent) {
        if (it->second.state == State::kAbsent) --shard.absent;
        shard.map.erase(it);
      }
      it = next;
    }
  }
}

std::vector<DentryCache::Forgotten> DentryCache::Take(const std::function<bool(NodeId parent)>& chosen) {
  std::vector<Forgotten> taken;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mu);
    for (auto it = shard.map.begin(); it != shard.map.end();) {
      auto next = std::next(it);
      if (chosen(it->first.parent)) {
        if (it->second.state == State::kAbsent) --shard.absent;
        taken.push_back(Forgotten{it->first.parent, it->first.name});
        shard.map.erase(it);
      }
      it = next;
    }
  }
  return taken;
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
  if (entry.state == State::kAbsent && ++shard.absent > per_shard_) Evict(shard);
}

void DentryCache::Remove(Shard& shard, const KeyView& key) {
  auto it = shard.map.find(key);
  if (it == shard.map.end()) return;
  if (it->second.state == State::kAbsent) --shard.absent;
  shard.map.erase(it);
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

}  // namespace plyfs
