// UringBatch: the part of a ProbeBatch that went to a ring, all of it at once.
//
// Owned by one ProbeBatch, on its thread.  Ended early it cancels what is in flight, and what does not come
// at once it leaves to the ring's pool with the buffers that the kernel may still write.
#ifndef PLYFS_ENGINE_IO_BATCH_URING_H_
#define PLYFS_ENGINE_IO_BATCH_URING_H_

#include <linux/openat2.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/io/batch.h"
#include "engine/io/ring.h"

namespace plyfs {

class UringBatch {
 public:
  // `probes` live as long as this.
  UringBatch(RingLease ring, std::span<const Probe> probes, const ProbeQuestion& question);
  ~UringBatch();
  UringBatch(const UringBatch&) = delete;
  UringBatch& operator=(const UringBatch&) = delete;

  // The outcome of probe `i`, which is asked for once; waits for it.
  void Take(size_t i, ProbeOutcome* outcome);

 private:
  enum class Phase : uint8_t { kWaiting, kOpening, kToStat, kStatting, kDone };
  struct Item {
    Phase phase = Phase::kWaiting;
    int error = 0;
    UniqueFd fd;
  };
  // What must outlive this when it ends early.  The kernel has read paths and open_how when it takes an entry
  // (io_uring/openclose.c:__io_openat_prep, statx.c:io_statx_prep); what it still writes are attributes.
  struct Flight : Ring::Orphan {
    void Settle(const Ring::Completion& completion) override;

    std::vector<Item> items;
    std::unique_ptr<struct statx[]> stats;
  };

  void Pump();
  bool PrepareNext();
  void PrepareOpen(size_t i);
  void PrepareStat(size_t i);
  void RunNow(size_t i);
  void GoOnOneByOne(size_t from);
  void Settle(const Ring::Completion& completion);

  RingLease ring_;
  std::span<const Probe> probes_;
  ProbeQuestion question_;
  struct open_how how_ = {};
  std::unique_ptr<Flight> flight_;
  size_t next_ = 0;              // the first that has not been prepared
  std::vector<size_t> to_stat_;  // opened on a slow filesystem, attributes still to be asked for
  std::vector<size_t> prepared_;
  bool one_by_one_ = false;  // nothing more goes to the ring
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_BATCH_URING_H_
