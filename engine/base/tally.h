// Tally: counts what many threads do, without their meeting at one cache line.
//
// Any thread.  The total is exact once nobody counts any more.
#ifndef PLYFS_ENGINE_BASE_TALLY_H_
#define PLYFS_ENGINE_BASE_TALLY_H_

#include <array>
#include <atomic>
#include <cstdint>

namespace plyfs {

class Tally {
 public:
  constexpr Tally() = default;
  void Add(uint64_t n = 1) { slots_[Slot()].count.fetch_add(n, std::memory_order_relaxed); }
  uint64_t total() const {
    uint64_t sum = 0;
    for (const PerThread& slot : slots_) sum += slot.count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr uint32_t kSlots = 16;  // threads beyond that share
  struct alignas(64) PerThread {
    std::atomic<uint64_t> count{0};
  };

  static uint32_t Slot() {
    static constinit std::atomic<uint32_t> next{0};
    static constinit thread_local uint32_t mine = kSlots;
    if (mine == kSlots) mine = next.fetch_add(1, std::memory_order_relaxed) % kSlots;
    return mine;
  }

  std::array<PerThread, kSlots> slots_{};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_TALLY_H_
