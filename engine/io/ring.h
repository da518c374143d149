// Ring: one io_uring.  RingPool: the rings of the process, lent to threads that wait for many things at once.
//
// A ring belongs to the thread that has it on loan (RingLease), and to the pool otherwise; the pool may be
// asked by any thread.  Where io_uring is forbidden (kernel.io_uring_disabled, seccomp) or switched off the
// pool lends nothing, and who asked does without: that is never an error.
//
// What is in flight outlives who asked: a lease that ends early leaves an Orphan behind, which owns every
// buffer the kernel may still write and closes what arrives.  The pool lends that ring again once all came.
#ifndef PLYFS_ENGINE_IO_RING_H_
#define PLYFS_ENGINE_IO_RING_H_

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/base/result.h"

namespace plyfs {

class Ring {
 public:
  struct Completion {
    uint64_t id;     // user_data of the entry
    int32_t result;  // what the call gave, or minus its errno
  };

  // What must live until the last completion.
  class Orphan {
   public:
    virtual ~Orphan() = default;
    virtual void Settle(const Completion& completion) = 0;
  };

  // EPERM, ENOSYS: io_uring is forbidden here.
  static Result<std::unique_ptr<Ring>> Create();
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // How many entries may be in flight at once.
  unsigned capacity() const { return capacity_; }
  unsigned in_flight() const { return in_flight_; }

  // An entry to be prepared and given to the kernel by the next Submit.  Only while in_flight() < capacity()
  // and not broken().
  io_uring_sqe* Prepare(uint64_t id);
  // Gives all prepared entries to the kernel.  On an error none of the prepared ones will complete that had
  // not been taken (`not_taken` of them, the last prepared) and the ring is used up: see broken().
  Status Submit(unsigned* not_taken);
  // The next completion; waits for it.  EINVAL: nothing is in flight.
  Result<Completion> Wait();
  // Asks the kernel to give up all that is in flight; each still completes.
  void CancelAll();
  bool broken() const { return broken_; }

  // Leaves what is in flight to `orphan`.
  void Abandon(std::unique_ptr<Orphan> orphan) { orphan_ = std::move(orphan); }
  // Settles what has come for the orphan; whether the ring is free again.
  bool Drain();

 private:
  Ring() = default;

  bool Take(Completion* completion);

  io_uring ring_ = {};
  unsigned capacity_ = 0;
  unsigned in_flight_ = 0;
  bool broken_ = false;
  std::unique_ptr<Orphan> orphan_;
};

class RingPool;

// A ring on loan, or none.
class RingLease {
 public:
  RingLease() = default;
  RingLease(RingPool* pool, std::unique_ptr<Ring> ring) : pool_(pool), ring_(std::move(ring)) {}
  RingLease(RingLease&&) = default;
  RingLease& operator=(RingLease&& other) noexcept;
  ~RingLease();

  explicit operator bool() const { return ring_ != nullptr; }
  Ring* operator->() const { return ring_.get(); }
  Ring& operator*() const { return *ring_; }

 private:
  RingPool* pool_ = nullptr;
  std::unique_ptr<Ring> ring_;
};

class RingPool {
 public:
  // Not `enabled`: lends nothing (the option io_uring=off, and tests).
  explicit RingPool(bool enabled = true) : forbidden_(!enabled) {}
  // Waits a little for what is still in flight, then leaves it be: the process is about to end.
  ~RingPool();
  RingPool(const RingPool&) = delete;
  RingPool& operator=(const RingPool&) = delete;

  // Empty when io_uring is forbidden or kMaxRings are on loan.
  RingLease Checkout();

 private:
  friend class RingLease;
  // Each ring's workers are threads of the process and count against pids.max.
  static constexpr size_t kMaxRings = 8;

  void Checkin(std::unique_ptr<Ring> ring);
  // Where a ring with nothing in flight goes.
  void Retire(std::unique_ptr<Ring> ring) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Mutex mu_{LockRank::kRings};
  bool forbidden_ ABSL_GUARDED_BY(mu_);
  size_t rings_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::unique_ptr<Ring>> idle_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Ring>> draining_ ABSL_GUARDED_BY(mu_);
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_RING_H_
