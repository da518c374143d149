#include "engine/ops/exclusion.h"

#include <algorithm>

#include "engine/base/bug.h"

namespace plyfs {
namespace {

#ifdef PLYFS_DEBUG

struct HeldState {
  StateRank rank;
  uint64_t key;
  friend auto operator<=>(const HeldState&, const HeldState&) = default;
};
// Of this thread: a hold goes where it came from.
thread_local std::vector<HeldState> held_states;

void CheckMayWait(StateRank rank, uint64_t key) {
  lock_order::ExpectNone("waits for a state");
  for (const HeldState& held : held_states) {
    if (!(held < HeldState{rank, key})) (void)PLY_BUG("states taken against docs/locks.md");
  }
}

void NoteHeld(StateRank rank, uint64_t key) {
  held_states.push_back({rank, key});
}

void NoteReleased(StateRank rank, uint64_t key) {
  auto it = std::find(held_states.begin(), held_states.end(), HeldState{rank, key});
  if (it == held_states.end()) return (void)PLY_BUG("a state released by another thread");
  held_states.erase(it);
}

#else

void CheckMayWait(StateRank, uint64_t) {}
void NoteHeld(StateRank, uint64_t) {}
void NoteReleased(StateRank, uint64_t) {}

#endif

}  // namespace

Exclusion::Hold Exclusion::Acquire(uint64_t key) {
  CheckMayWait(rank_, key);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  while (!shard.held.insert(key).second) shard.freed.Wait(shard.mu);
  NoteHeld(rank_, key);
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
  NoteReleased(rank_, key);
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mu);
  shard.held.erase(key);
  shard.freed.NotifyAll();
}

}  // namespace plyfs
