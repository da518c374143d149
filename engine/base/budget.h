// Budget: so many of something (bytes, descriptors) and no more.
//
// Whoever owns the resource owns the Budget; any thread charges and credits.  A charge is never more than an
// atomic addition: what to do when there is no room (evict, refuse) is the caller's.
#ifndef PLYFS_ENGINE_BASE_BUDGET_H_
#define PLYFS_ENGINE_BASE_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace plyfs {

class Budget {
 public:
  explicit Budget(uint64_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // All of `amount` or nothing.
  [[nodiscard]] bool TryCharge(uint64_t amount) {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      // In this order nothing wraps; used may be over the limit.
      if (used > limit_ || amount > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
    return true;
  }
  // For what must be had whether there is room or not; the excess shows in over().
  void Charge(uint64_t amount) { used_.fetch_add(amount, std::memory_order_relaxed); }
  // Of what was charged.
  void Credit(uint64_t amount) { used_.fetch_sub(amount, std::memory_order_relaxed); }

  uint64_t limit() const { return limit_; }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  // How much has to be given back.
  uint64_t over() const {
    const uint64_t now = used();
    return now > limit_ ? now - limit_ : 0;
  }

 private:
  const uint64_t limit_;
  std::atomic<uint64_t> used_{0};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_BUDGET_H_
