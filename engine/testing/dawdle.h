// Dawdle: calls on the layers take their time now and then, so that what lies between two of them is long
// enough for others to come between.
//
// As long as it lives; every thread's calls in debug builds, its maker's in others.
#ifndef PLYFS_ENGINE_TESTING_DAWDLE_H_
#define PLYFS_ENGINE_TESTING_DAWDLE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "engine/io/fault.h"

namespace plyfs {

class Dawdle final : public FaultHook {
 public:
  explicit Dawdle(uint64_t seed) : state_(seed) { SetForAll(this); }
  ~Dawdle() override { SetForAll(nullptr); }

  int Before(Op) override {
    uint64_t x = state_.fetch_add(0x9e3779b97f4a7c15u, std::memory_order_relaxed) * 0xbf58476d1ce4e5b9u;
    x ^= x >> 31;
    if (x % kOneIn == 0) std::this_thread::sleep_for(std::chrono::microseconds((x >> 8) % kLongestUs));
    return 0;
  }

 private:
  static constexpr uint64_t kOneIn = 4, kLongestUs = 200;

  static void SetForAll([[maybe_unused]] FaultHook* hook) {
#ifdef PLYFS_DEBUG
    fault_internal::process_hook.store(hook, std::memory_order_release);
#endif
  }

  std::atomic<uint64_t> state_;
  ScopedFaults mine_{this};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TESTING_DAWDLE_H_
