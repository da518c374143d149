#include "engine/io/batch.h"

#include <sys/resource.h>
#include <time.h>

#include "engine/io/batch_uring.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"

namespace plyfs {
namespace {

constexpr unsigned kRunCalls = 8;
constexpr uint64_t kColdRun = kRunCalls * 20'000;  // ns: eight calls averaging over 20 us
// Fewer than these gain nothing from a ring's fixed price.
constexpr size_t kWorthLaunching = 4;

uint64_t Nanoseconds() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// Blocks that this thread has had read from a disk (getrusage(2): ru_inblock).
long BlocksRead() {
  rusage usage = {};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_inblock;
}

}  // namespace

void ProbeNow(const Probe& probe, const ProbeQuestion& question, ProbeOutcome* outcome) {
  outcome->index = probe.index;
  outcome->error = 0;
  outcome->fd.reset();
  if (question.open) {
    Result<UniqueFd> fd = sys::OpenBeneath(probe.root, probe.path, question.open_flags);
    outcome->error = fd.error();
    if (!fd.ok()) return;
    outcome->fd = *std::move(fd);
  }
  if (!question.stat) return;
  Result<struct statx> st =
      question.open ? sys::StatxFd(outcome->fd.get()) : sys::Statx(probe.root, probe.path);
  outcome->error = st.error();
  if (st.ok()) {
    outcome->st = *st;
  } else {
    outcome->fd.reset();
  }
}

ProbeBatch::ProbeBatch(std::span<const Probe> probes, const ProbeQuestion& question, RingPool* rings)
    : probes_(probes), question_(question), rings_(rings) {
  if (rings_ != nullptr && probes_.size() >= kWorthLaunching) blocks_read_ = BlocksRead();
}

ProbeBatch::~ProbeBatch() = default;

bool ProbeBatch::MustNotBlock(const Probe& probe) const {
  if (rings_ == nullptr) return false;
  if (probe.pace != nullptr && probe.pace->slow()) return true;
  if (probes_.size() - next_ < kWorthLaunching) return false;
  return cold_ || (probe.pace != nullptr && probe.pace->cold());
}

void ProbeBatch::Launch() {
  RingLease ring = rings_->Checkout();
  if (!ring) {
    rings_ = nullptr;
    return;
  }
  FsPace* pace = probes_[next_].pace;
  if (!cold_ && pace != nullptr && pace->cold()) pace->Decay();
  uring_base_ = next_;
  uring_ = std::make_unique<UringBatch>(std::move(ring), probes_.subspan(next_), question_);
}

void ProbeBatch::NoteTime(const Probe& probe, uint64_t nanoseconds) {
  run_time_ += nanoseconds;
  ++run_calls_;
  // Over the limit for eight even if those still missing took no time.
  bool long_run = run_time_ > kColdRun;
  if (!long_run && run_calls_ < kRunCalls) return;
  run_time_ = run_calls_ = 0;
  if (!long_run || probes_.size() < kWorthLaunching) return;
  // On a busy machine calls take long because others run: a ring would only add to that.
  if (BlocksRead() == blocks_read_) return;
  cold_ = true;
  if (probe.pace != nullptr) probe.pace->NoteCold();
}

bool ProbeBatch::Next(ProbeOutcome* outcome) {
  if (next_ == probes_.size()) return false;
  const Probe& probe = probes_[next_];
  if (uring_ == nullptr && MustNotBlock(probe)) Launch();
  if (uring_ != nullptr) {
    uring_->Take(next_ - uring_base_, outcome);
    // A path may be longer than one call takes.
    if (outcome->error == ENAMETOOLONG) ProbeNow(probe, question_, outcome);
  } else if (rings_ == nullptr) {
    ProbeNow(probe, question_, outcome);
  } else {
    uint64_t start = Nanoseconds();
    ProbeNow(probe, question_, outcome);
    NoteTime(probe, Nanoseconds() - start);
  }
  ++next_;
  return true;
}

}  // namespace plyfs
