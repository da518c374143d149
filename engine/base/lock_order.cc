#include "engine/base/lock_order.h"

#ifdef PLYFS_DEBUG

#include <array>
#include <cstddef>
#include <cstdio>

#include "engine/base/bug.h"

namespace plyfs::lock_order {
namespace {

constexpr LockRank kFirstLeaf = LockRank::kDentries;
constexpr LockRank kFirstFree = LockRank::kNotifier;  // may be taken beneath anything

// What this thread holds, in the order of taking.
struct Held {
  std::array<LockRank, 8> ranks;
  size_t count = 0;
};
thread_local constinit Held held{};

bool MayTakeBeneath(LockRank outer, LockRank inner) {
  if (inner >= kFirstFree) return outer < inner;
  return outer < kFirstLeaf && outer < inner;
}

void Broken(const char* what, int inner) {
  char line[160];
  int outer = held.count == 0 ? -1 : static_cast<int>(held.ranks[held.count - 1]);
  std::snprintf(line, sizeof line, "lock order: %s (rank %d while rank %d is held)", what, inner, outer);
  (void)PLY_BUG(line);
}

}  // namespace

void Take(LockRank rank) {
  for (size_t i = 0; i < held.count; ++i) {
    if (!MayTakeBeneath(held.ranks[i], rank)) Broken("taken against docs/locks.md", static_cast<int>(rank));
  }
  if (held.count == held.ranks.size()) return Broken("too many at once", static_cast<int>(rank));
  held.ranks[held.count++] = rank;
}

void Give(LockRank rank) {
  for (size_t i = held.count; i-- > 0;) {
    if (held.ranks[i] != rank) continue;
    for (size_t k = i + 1; k < held.count; ++k) held.ranks[k - 1] = held.ranks[k];
    --held.count;
    return;
  }
  Broken("given back by who does not hold it", static_cast<int>(rank));
}

void ExpectNone(const char* what) {
  if (held.count != 0) Broken(what, -1);
}

void ExpectOnly(LockRank rank) {
  if (held.count != 1 || held.ranks[0] != rank)
    Broken("waits with another lock held", static_cast<int>(rank));
}

}  // namespace plyfs::lock_order

#endif  // PLYFS_DEBUG
