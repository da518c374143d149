#include "engine/io/ring.h"

#include <sched.h>
#include <time.h>

#include <utility>

#include "engine/base/bug.h"
#include "engine/io/calls_made.h"
#include "engine/io/fault.h"

namespace plyfs {
namespace {

// Enough for a stack of 500 layers in one submission; smaller ones where memory is limited (RLIMIT_MEMLOCK).
constexpr unsigned kEntries[] = {1024, 256, 64};
// Workers for calls on regular files and paths (bounded) and for all others.  The default of 4 a CPU makes a
// batch of cold probes wait for the disk in turns.
constexpr unsigned kWorkers = 64;

constexpr uint64_t kCancelId = UINT64_MAX;

// For when the kernel has no memory for a request just now, or wants its completions fetched.
bool Passing(int error) {
  return error == EINTR || error == EAGAIN || error == EBUSY;
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::Create() {
  if (int injected = FaultAt(Op::kUringSetup); injected != 0) return Errno(injected);
  std::unique_ptr<Ring> made(new Ring);
  int error = ENOMEM;
  for (unsigned entries : kEntries) {
    io_uring_params params = {};
    // An entry that fails at once must not keep those behind it from being taken.
    params.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP;
    error = -io_uring_queue_init_params(entries, &made->ring_, &params);
    if (error == 0) made->capacity_ = params.sq_entries;
    if (error != ENOMEM) break;
  }
  if (error != 0) return Errno(error);
  unsigned workers[2] = {kWorkers, kWorkers};
  // Without it batches are slower, not wrong.
  (void)io_uring_register_iowq_max_workers(&made->ring_, workers);
  return made;
}

Ring::~Ring() {
  if (capacity_ != 0) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::Prepare(uint64_t id) {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  // Not full: no more are prepared than the ring has room for, and every Submit empties the queue.
  io_uring_prep_nop(sqe);
  io_uring_sqe_set_data64(sqe, id);
  ++in_flight_;
  return sqe;
}

Status Ring::Submit(unsigned* not_taken) {
  constexpr int kPatience = 1000;
  *not_taken = 0;
  if (broken_) return Errno(EIO);
  int error = 0;
  for (int tries = 0; io_uring_sq_ready(&ring_) != 0; ++tries) {
    int injected = FaultAt(Op::kUringSubmit);
    calls_made.Add();
    int taken = injected != 0 ? -injected : io_uring_submit(&ring_);
    if (taken > 0) continue;
    error = taken < 0 ? -taken : EAGAIN;
    if (!Passing(error) || tries > kPatience) break;
    ::sched_yield();
  }
  unsigned left = io_uring_sq_ready(&ring_);
  if (left == 0) return OkStatus();
  // The untaken entries cannot be called back, so nothing may ever be submitted here again.
  broken_ = true;
  *not_taken = left;
  in_flight_ -= left;
  return Errno(error);
}

bool Ring::Take(Completion* completion) {
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
    *completion = {cqe->user_data, cqe->res};
    io_uring_cqe_seen(&ring_, cqe);
    --in_flight_;
    if (completion->id != kCancelId) return true;
  }
  return false;
}

Result<Ring::Completion> Ring::Wait() {
  Completion completion;
  while (!Take(&completion)) {
    if (in_flight_ == 0) return PLY_BUG("waiting on a ring with nothing in flight");
    io_uring_cqe* cqe = nullptr;
    int error = -io_uring_wait_cqe(&ring_, &cqe);
    if (error != 0 && !Passing(error)) {
      broken_ = true;
      return Errno(error);
    }
  }
  return completion;
}

void Ring::CancelAll() {
  // A full queue means nothing: the requests then run to their end.
  if (broken_ || in_flight_ == 0 || in_flight_ >= capacity_) return;
  io_uring_sqe* sqe = Prepare(kCancelId);
  io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  io_uring_sqe_set_data64(sqe, kCancelId);
  unsigned not_taken = 0;
  (void)Submit(&not_taken);
}

bool Ring::Drain() {
  Completion completion;
  while (Take(&completion)) {
    if (orphan_ != nullptr) orphan_->Settle(completion);
  }
  if (in_flight_ != 0) return false;
  orphan_.reset();
  return true;
}

RingLease& RingLease::operator=(RingLease&& other) noexcept {
  if (this != &other) {
    if (ring_ != nullptr) pool_->Checkin(std::move(ring_));
    pool_ = other.pool_;
    ring_ = std::move(other.ring_);
  }
  return *this;
}

RingLease::~RingLease() {
  if (ring_ != nullptr) pool_->Checkin(std::move(ring_));
}

RingLease RingPool::Checkout() {
  {
    MutexLock lock(mu_);
    if (forbidden_) return {};
    for (size_t i = 0; i < draining_.size();) {
      if (!draining_[i]->Drain()) {
        ++i;
        continue;
      }
      Retire(std::move(draining_[i]));
      draining_[i] = std::move(draining_.back());
      draining_.pop_back();
    }
    if (!idle_.empty()) {
      std::unique_ptr<Ring> ring = std::move(idle_.back());
      idle_.pop_back();
      return {this, std::move(ring)};
    }
    if (rings_ == kMaxRings) return {};
    ++rings_;
  }
  Result<std::unique_ptr<Ring>> made = Ring::Create();
  if (made.ok()) return {this, *std::move(made)};
  MutexLock lock(mu_);
  --rings_;
  // Want of memory or descriptors passes; these do not.
  if (made.error() == EPERM || made.error() == ENOSYS) forbidden_ = true;
  return {};
}

void RingPool::Checkin(std::unique_ptr<Ring> ring) {
  bool free = ring->Drain();
  MutexLock lock(mu_);
  if (free) {
    Retire(std::move(ring));
  } else {
    draining_.push_back(std::move(ring));
  }
}

void RingPool::Retire(std::unique_ptr<Ring> ring) {
  if (ring->broken()) {
    --rings_;
  } else {
    idle_.push_back(std::move(ring));
  }
}

RingPool::~RingPool() {
  constexpr int kTries = 20;
  constexpr timespec kPause = {.tv_sec = 0, .tv_nsec = 1'000'000};
  MutexLock lock(mu_);
  for (auto& ring : draining_) {
    int tries = 0;
    while (!ring->Drain() && ++tries <= kTries) ::nanosleep(&kPause, nullptr);
    // The kernel may still write into what the orphan owns: neither is ever freed.
    if (tries > kTries) (void)ring.release();
  }
}

}  // namespace plyfs
