// RingCopy: copies one stretch of data with reads and writes overlapping on a ring.
//
// Lives on the stack of one copy; the ring is the caller's and has nothing in flight before and after.
#ifndef PLYFS_ENGINE_IO_COPY_RING_H_
#define PLYFS_ENGINE_IO_COPY_RING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "engine/base/result.h"
#include "engine/io/ring.h"

namespace plyfs {

class RingCopy {
 public:
  RingCopy(Ring& ring, int from, int to, const std::function<bool()>& cancelled)
      : ring_(ring), from_(from), to_(to), cancelled_(cancelled) {}

  // Copies [at, end) and gives where it stopped: before `end` only where the source ended.  EINTR: cancelled.
  Result<uint64_t> Run(uint64_t at, uint64_t end);

 private:
  static constexpr size_t kSlots = 4;
  static constexpr size_t kSlotSize = 256 << 10;

  // One buffer on its way: filled by reads from `offset` until `want` bytes or the source's end, then
  // written.
  struct Slot {
    enum class Phase : uint8_t { kIdle, kReading, kWriting } phase = Phase::kIdle;
    uint64_t offset = 0;
    size_t want = 0;
    size_t done = 0;  // of the reading, then of the writing
    char* buffer = nullptr;
  };

  void StartRead(size_t i);
  void Prepare(size_t i);
  void Settle(size_t i, int result);
  void Fail(int error) {
    if (error_ == 0) error_ = error;
  }
  void Submit();

  Ring& ring_;
  const int from_;
  const int to_;
  const std::function<bool()>& cancelled_;
  std::unique_ptr<char[]> memory_;
  std::array<Slot, kSlots> slots_;
  uint64_t next_ = 0;
  uint64_t end_ = 0;
  int error_ = 0;
  int interrupts_ = 0;  // in a row
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_COPY_RING_H_
