// Mutex, MutexLock, CondVar: the standard library's, with clang's thread-safety annotations.
//
// Debian's abseil is not built for TSan, so its Mutex is not used.  No Mutex is held across blocking I/O or a
// reply (docs/locks.md); exclusion across I/O is a state with a CondVar.  Each says its row of that table
// (base/lock_order.h), which debug builds check.
#ifndef PLYFS_ENGINE_BASE_MUTEX_H_
#define PLYFS_ENGINE_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#include "absl/base/thread_annotations.h"
#include "engine/base/lock_order.h"

namespace plyfs {

class ABSL_LOCKABLE Mutex {
 public:
  explicit Mutex(LockRank rank) : order_(rank) {}
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    order_.Take();
    mu_.lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    order_.Give();  // before somebody else may take the lock and free it
    mu_.unlock();
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    if (!mu_.try_lock()) return false;
    order_.Take();
    return true;
  }

 private:
  friend class CondVar;
  std::mutex mu_;
  [[no_unique_address]] const LockOrder order_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// Many readers or one writer.
class ABSL_LOCKABLE SharedMutex {
 public:
  explicit SharedMutex(LockRank rank) : order_(rank) {}
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    order_.Take();
    mu_.lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    order_.Give();  // before somebody else may take the lock and free it
    mu_.unlock();
  }
  void LockShared() ABSL_SHARED_LOCK_FUNCTION() {
    order_.Take();
    mu_.lock_shared();
  }
  void UnlockShared() ABSL_UNLOCK_FUNCTION() {
    order_.Give();
    mu_.unlock_shared();
  }

 private:
  std::shared_mutex mu_;
  [[no_unique_address]] const LockOrder order_;
};

class ABSL_SCOPED_LOCKABLE WriterLock {
 public:
  explicit WriterLock(SharedMutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.Lock(); }
  ~WriterLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mu_;
};

class ABSL_SCOPED_LOCKABLE ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mu) ABSL_SHARED_LOCK_FUNCTION(mu) : mu_(mu) { mu_.LockShared(); }
  ~ReaderLock() ABSL_UNLOCK_FUNCTION() { mu_.UnlockShared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mu_;
};

class CondVar {
 public:
  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    mu.order_.ExpectOnly();
    std::unique_lock<std::mutex> held(mu.mu_, std::adopt_lock);
    cv_.wait(held);
    held.release();
  }
  // False when `timeout` passed without a notification.
  bool WaitFor(Mutex& mu, std::chrono::milliseconds timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    mu.order_.ExpectOnly();
    std::unique_lock<std::mutex> held(mu.mu_, std::adopt_lock);
    bool notified = cv_.wait_for(held, timeout) == std::cv_status::no_timeout;
    held.release();
    return notified;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_MUTEX_H_
