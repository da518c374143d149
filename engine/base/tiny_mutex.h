// TinyMutex: a lock of four bytes, for objects of which there are millions: inodes, whose rank all have.
//
// For sections of some dozen instructions; a waiter sleeps on the word itself (futex).  Not recursive.
#ifndef PLYFS_ENGINE_BASE_TINY_MUTEX_H_
#define PLYFS_ENGINE_BASE_TINY_MUTEX_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "engine/base/lock_order.h"

namespace plyfs {

class ABSL_LOCKABLE TinyMutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    lock_order::Take(LockRank::kInode);
    uint32_t free = kFree;
    if (word_.compare_exchange_strong(free, kHeld, std::memory_order_acquire)) return;
    while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
      word_.wait(kContended, std::memory_order_relaxed);
    }
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    lock_order::Give(LockRank::kInode);
    if (word_.exchange(kFree, std::memory_order_release) == kContended) word_.notify_one();
  }

 private:
  static constexpr uint32_t kFree = 0, kHeld = 1, kContended = 2;
  std::atomic<uint32_t> word_{kFree};
};

class ABSL_SCOPED_LOCKABLE TinyLock {
 public:
  explicit TinyLock(TinyMutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.Lock(); }
  ~TinyLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }
  TinyLock(const TinyLock&) = delete;
  TinyLock& operator=(const TinyLock&) = delete;

 private:
  TinyMutex& mu_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_TINY_MUTEX_H_
