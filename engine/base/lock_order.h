// LockRank: the order of all locks, outermost first; and in debug builds the check that it is kept.
//
// docs/locks.md has the same rows in the same order and says what each lock guards; tools/lint compares the
// two.  A thread that holds a lock takes another only if that one stands further down; beneath a leaf it
// takes none.  What breaks the order aborts a debug build; release builds know nothing of ranks.
#ifndef PLYFS_ENGINE_BASE_LOCK_ORDER_H_
#define PLYFS_ENGINE_BASE_LOCK_ORDER_H_

#include <cstdint>

namespace plyfs {

enum class LockRank : uint8_t {
  kOpenDir,
  kPlaces,
  kIdentities,
  kListingClock,
  kSlots,
  kInode,
  kIndexMemory,
  // Leaves from here on.
  kDentries,
  kMergedDir,
  kNumberClaims,
  kFreeSlots,
  kLayerSets,
  kHandles,
  kExclusion,
  kCoherence,
  kWatcher,
  kFdCache,
  kHeldCopies,
  kIndexFile,
  kLayerClone,
  kWhiteout,
  kRings,
  kSideBySide,
  kReaders,
  kInFlight,
  kSlowWatch,
  kSignals,
  // May be taken with any lock held: posting a notice, and what tests do.
  kNotifier,
  kTests,
};

#ifdef PLYFS_DEBUG

namespace lock_order {
// Before waiting for a lock, and after it was given back.
void Take(LockRank rank);
void Give(LockRank rank);
// Before what may take long (`what` says what): this thread holds no lock.
void ExpectNone(const char* what);
// Before waiting on a condition: it holds this one only.
void ExpectOnly(LockRank rank);
}  // namespace lock_order

class LockOrder {
 public:
  explicit constexpr LockOrder(LockRank rank) : rank_(rank) {}
  void Take() const { lock_order::Take(rank_); }
  void Give() const { lock_order::Give(rank_); }
  void ExpectOnly() const { lock_order::ExpectOnly(rank_); }

 private:
  const LockRank rank_;
};

#else

namespace lock_order {
inline void Take(LockRank) {}
inline void Give(LockRank) {}
inline void ExpectNone(const char*) {}
}  // namespace lock_order

class LockOrder {
 public:
  explicit constexpr LockOrder(LockRank) {}
  void Take() const {}
  void Give() const {}
  void ExpectOnly() const {}
};

#endif  // PLYFS_DEBUG

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_LOCK_ORDER_H_
