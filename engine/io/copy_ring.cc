#include "engine/io/copy_ring.h"

#include <algorithm>

#include "engine/io/fault.h"
#include "engine/io/sys_call.h"

namespace plyfs {

void RingCopy::Prepare(size_t i) {
  Slot& slot = slots_[i];
  bool reading = slot.phase == Slot::Phase::kReading;
  if (error_ != 0) {
    // What has failed is only waited for.
    slot.phase = Slot::Phase::kIdle;
    return;
  }
  int injected = FaultAt(reading ? Op::kRead : Op::kWrite);
  if (injected > 0) {
    Fail(injected);
    slot.phase = Slot::Phase::kIdle;
    return;
  }
  io_uring_sqe* sqe = ring_.Prepare(i);
  auto size = static_cast<unsigned>(slot.want - slot.done);
  if (injected == kFaultShort && size > 1) size /= 2;
  if (reading) {
    io_uring_prep_read(sqe, from_, slot.buffer + slot.done, size, slot.offset + slot.done);
  } else {
    io_uring_prep_write(sqe, to_, slot.buffer + slot.done, size, slot.offset + slot.done);
  }
}

void RingCopy::StartRead(size_t i) {
  Slot& slot = slots_[i];
  slot.phase = Slot::Phase::kReading;
  slot.offset = next_;
  slot.want = std::min<uint64_t>(kSlotSize, end_ - next_);
  slot.done = 0;
  next_ += slot.want;
  Prepare(i);
}

void RingCopy::Settle(size_t i, int result) {
  Slot& slot = slots_[i];
  // Passing: the same stretch once more, but as plain calls not for ever (sys_call.h).
  const bool passing = result == -EINTR || result == -EAGAIN;
  interrupts_ = passing ? interrupts_ + 1 : 0;
  if (passing && interrupts_ < sys::kMostInterrupts) return Prepare(i);
  if (passing) result = -EIO;
  bool reading = slot.phase == Slot::Phase::kReading;
  CallMade(reading ? Op::kRead : Op::kWrite, result < 0 ? -result : 0);
  if (result < 0 || (result == 0 && !reading)) {
    Fail(result < 0 ? -result : EIO);
    slot.phase = Slot::Phase::kIdle;
    return;
  }
  slot.done += static_cast<size_t>(result);
  if (slot.done < slot.want && result > 0) return Prepare(i);
  if (reading) {
    if (slot.done < slot.want) {
      // The source ends here: nothing beyond is asked for any more.
      end_ = std::min(end_, slot.offset + slot.done);
      slot.want = slot.done;
    }
    slot.phase = Slot::Phase::kWriting;
    slot.done = 0;
    if (slot.want > 0) return Prepare(i);
  }
  slot.phase = Slot::Phase::kIdle;
}

void RingCopy::Submit() {
  unsigned not_taken = 0;
  if (Status status = ring_.Submit(&not_taken); !status.ok()) Fail(status.error());
}

Result<uint64_t> RingCopy::Run(uint64_t at, uint64_t end) {
  next_ = at;
  end_ = end;
  memory_.reset(new char[kSlots * kSlotSize]);
  for (size_t i = 0; i < kSlots; ++i) slots_[i].buffer = memory_.get() + i * kSlotSize;
  for (;;) {
    if (error_ == 0 && cancelled_ && cancelled_()) Fail(EINTR);
    for (size_t i = 0; i < kSlots; ++i) {
      if (error_ == 0 && next_ < end_ && slots_[i].phase == Slot::Phase::kIdle) StartRead(i);
    }
    Submit();
    // Whatever has failed, the buffers stay until the kernel is done with them.
    if (ring_.in_flight() == 0) break;
    Result<Ring::Completion> completion = ring_.Wait();
    if (!completion.ok()) {
      // Nobody can say any more when the kernel is done with the buffers.
      (void)memory_.release();
      return completion.status();
    }
    Settle(completion->id, completion->result);
  }
  if (error_ != 0) return Errno(error_);
  return end_;
}

}  // namespace plyfs
