#include "engine/io/batch_uring.h"

#include "engine/io/fault.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"

namespace plyfs {
namespace {

bool NoneLeft(int error) {
  return error == EMFILE || error == ENFILE;
}

}  // namespace

UringBatch::UringBatch(RingLease ring, std::span<const Probe> probes, const ProbeQuestion& question)
    : ring_(std::move(ring)), probes_(probes), question_(question), flight_(new Flight) {
  how_.flags = static_cast<uint32_t>(question.open_flags) | O_CLOEXEC | O_NOFOLLOW;
  how_.resolve = sys::kBeneath;
  flight_->items.resize(probes.size());
  if (question.stat) flight_->stats.reset(new struct statx[probes.size()]);
  prepared_.reserve(ring_->capacity());
  Pump();
}

UringBatch::~UringBatch() {
  if (ring_->in_flight() == 0) return;
  ring_->CancelAll();
  ring_->Abandon(std::move(flight_));
}

void UringBatch::Flight::Settle(const Ring::Completion& completion) {
  if (items[completion.id].phase == Phase::kOpening && completion.result >= 0) {
    UniqueFd unwanted(completion.result);
  }
}

void UringBatch::PrepareOpen(size_t i) {
  Item& item = flight_->items[i];
  item.error = FaultAt(Op::kOpen);
  if (item.error != 0) {
    item.phase = Phase::kDone;
    return;
  }
  io_uring_prep_openat2(ring_->Prepare(i), probes_[i].root, probes_[i].path, &how_);
  item.phase = Phase::kOpening;
  prepared_.push_back(i);
}

void UringBatch::PrepareStat(size_t i) {
  Item& item = flight_->items[i];
  item.error = FaultAt(Op::kStatx);
  if (item.error != 0) {
    item.phase = Phase::kDone;
    return;
  }
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (question_.open ? AT_EMPTY_PATH : 0);
  io_uring_prep_statx(ring_->Prepare(i), question_.open ? item.fd.get() : probes_[i].root,
                      question_.open ? "" : probes_[i].path, flags, sys::kStatxMask, &flight_->stats[i]);
  item.phase = Phase::kStatting;
  prepared_.push_back(i);
}

bool UringBatch::PrepareNext() {
  if (!to_stat_.empty()) {
    size_t i = to_stat_.back();
    to_stat_.pop_back();
    PrepareStat(i);
    return true;
  }
  if (next_ == probes_.size()) return false;
  size_t i = next_++;
  question_.open ? PrepareOpen(i) : PrepareStat(i);
  return true;
}

void UringBatch::Pump() {
  if (ring_->broken() || one_by_one_) return;
  prepared_.clear();
  while (ring_->in_flight() < ring_->capacity() && PrepareNext()) {
  }
  unsigned not_taken = 0;
  if (ring_->Submit(&not_taken).ok()) return;
  // The kernel takes entries in order, so those left over are the last: they are as if never prepared.
  for (; not_taken > 0; --not_taken, prepared_.pop_back()) {
    Item& item = flight_->items[prepared_.back()];
    item.phase = item.fd.valid() ? Phase::kToStat : Phase::kWaiting;
  }
}

void UringBatch::Settle(const Ring::Completion& completion) {
  Item& item = flight_->items[completion.id];
  if (completion.result == -EINTR) {
    // Asked again as plain calls are (sys_call.h), and by them.
    item.phase = item.fd.valid() ? Phase::kToStat : Phase::kWaiting;
    return RunNow(completion.id);
  }
  bool opened = item.phase == Phase::kOpening && completion.result >= 0;
  item.error = completion.result < 0 ? -completion.result : 0;
  item.phase = Phase::kDone;
  if (!opened) return;
  item.fd.reset(completion.result);
  if (!question_.stat) return;
  // What has just been opened answers from memory, but for a filesystem that asks its server again.
  item.phase = Phase::kToStat;
  const FsPace* pace = probes_[completion.id].pace;
  if (pace != nullptr && pace->slow()) to_stat_.push_back(completion.id);
}

void UringBatch::RunNow(size_t i) {
  Item& item = flight_->items[i];
  if (item.phase == Phase::kToStat) {
    Result<struct statx> st = sys::StatxFd(item.fd.get());
    item.error = st.error();
    if (st.ok()) flight_->stats[i] = *st;
  } else {
    ProbeOutcome outcome;
    ProbeNow(probes_[i], question_, &outcome);
    item.error = outcome.error;
    item.fd = std::move(outcome.fd);
    if (question_.stat) flight_->stats[i] = outcome.st;
  }
  item.phase = Phase::kDone;
}

// There are not descriptors enough for all at once: those of `from` and behind it are opened when they are
// asked for.
void UringBatch::GoOnOneByOne(size_t from) {
  one_by_one_ = true;
  while (ring_->in_flight() > 0) {
    Result<Ring::Completion> completion = ring_->Wait();
    if (!completion.ok()) break;
    Settle(*completion);
  }
  for (size_t i = from; i < flight_->items.size(); ++i) {
    Item& item = flight_->items[i];
    if (item.phase == Phase::kOpening || item.phase == Phase::kStatting) continue;
    if (item.phase == Phase::kDone && item.error != 0 && !NoneLeft(item.error)) continue;
    item = Item();
  }
}

void UringBatch::Take(size_t i, ProbeOutcome* outcome) {
  Item& item = flight_->items[i];
  const FsPace* pace = probes_[i].pace;
  bool slow = pace != nullptr && pace->slow();
  while (item.phase != Phase::kDone || (NoneLeft(item.error) && !one_by_one_)) {
    if (item.phase == Phase::kDone)
      GoOnOneByOne(i);
    else if (item.phase == Phase::kToStat && !slow)
      RunNow(i);
    else if ((ring_->broken() || one_by_one_) &&
             (item.phase == Phase::kWaiting || item.phase == Phase::kToStat))
      RunNow(i);
    else if (Result<Ring::Completion> completion = ring_->Wait(); completion.ok()) {
      Settle(*completion);
      Pump();
    } else {
      item.error = completion.error();
      break;
    }
  }
  outcome->index = probes_[i].index;
  outcome->error = item.error;
  outcome->fd = item.error == 0 ? std::move(item.fd) : UniqueFd();
  if (question_.stat && item.error == 0) outcome->st = flight_->stats[i];
}

}  // namespace plyfs
