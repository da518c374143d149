// ProbeBatch: one question put to many roots, answered in order: "what lies at this path in each layer?"
//
// Owned and used by one thread.  The caller takes the outcomes from the top down and stops when it knows
// enough: what was opened beyond is closed, what is still in flight is given up.
//
// While the filesystems answer from memory each probe is one plain system call, made when its outcome is
// asked for, so stopping early costs nothing.  When eight in a row average over 20 us and blocks were read
// from a disk meanwhile, the filesystem is cold, and all that remain go to the ring at once: 500 cold probes
// then cost one wait for the disk, not 500.  Roots on a network or FUSE filesystem are never probed
// synchronously, unless there is no ring at all.
#ifndef PLYFS_ENGINE_IO_BATCH_H_
#define PLYFS_ENGINE_IO_BATCH_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/io/ring.h"
#include "engine/io/unique_fd.h"

namespace plyfs {

// What is known of one filesystem's pace; owned by whoever owns its layers, shared by all threads.
class FsPace {
 public:
  // `slow`: on a network or served by FUSE.
  explicit FsPace(bool slow = false) : slow_(slow) {}

  bool slow() const { return slow_; }
  // Whether recent batches found it cold.
  bool cold() const { return cold_batches_.load(std::memory_order_relaxed) > 0; }

  void NoteCold() { cold_batches_.store(kColdBatches, std::memory_order_relaxed); }
  // A batch has relied on cold(): after some, plain calls are tried again.
  void Decay() { cold_batches_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  static constexpr int kColdBatches = 4;

  const bool slow_;
  std::atomic<int> cold_batches_{0};
};

struct Probe {
  uint32_t index = 0;          // the caller's own number for it, a layer's; given back
  int root = -1;               // the directory beneath which `path` lies
  const char* path = nullptr;  // lives as long as the batch
  FsPace* pace = nullptr;      // null: never seen cold
};

// What to ask of each.
struct ProbeQuestion {
  // Open it beneath its root, following no symlink (sys::OpenBeneath), with these flags.  Without, `stat`
  // asks by name, and paths must be single components (sys_stat.h).
  bool open = true;
  int open_flags = O_PATH;
  // Its attributes (sys::kStatxMask); of the opened object where opened.
  bool stat = false;
};

struct ProbeOutcome {
  uint32_t index = 0;
  int error = 0;    // an errno, or 0
  UniqueFd fd;      // when opened
  struct statx st;  // when asked for and error is 0
};

// The answer for one, by plain system calls.
void ProbeNow(const Probe& probe, const ProbeQuestion& question, ProbeOutcome* outcome);

class UringBatch;

class ProbeBatch {
 public:
  // `probes` in the order in which outcomes are wanted; they live as long as the batch.  `rings` may be null.
  ProbeBatch(std::span<const Probe> probes, const ProbeQuestion& question, RingPool* rings);
  ~ProbeBatch();
  ProbeBatch(const ProbeBatch&) = delete;
  ProbeBatch& operator=(const ProbeBatch&) = delete;

  // The outcome of the next probe; false when there is none left.
  bool Next(ProbeOutcome* outcome);

  // Whether the rest has gone to the ring.
  bool launched() const { return uring_ != nullptr; }

 private:
  bool MustNotBlock(const Probe& probe) const;
  void Launch();
  void NoteTime(const Probe& probe, uint64_t nanoseconds);

  std::span<const Probe> probes_;
  ProbeQuestion question_;
  RingPool* rings_;  // null once it has nothing to lend
  size_t next_ = 0;
  // Time and number of the current run of plain calls.
  uint64_t run_time_ = 0;
  unsigned run_calls_ = 0;
  long blocks_read_ = 0;  // by this thread when it began
  bool cold_ = false;
  std::unique_ptr<UringBatch> uring_;
  size_t uring_base_ = 0;  // the probe that is the first of `uring_`
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_BATCH_H_
