// Ebb: tells when a tree that was large has become small, so that what it took can be given back.
//
// Owned by Tree; any thread, no locks.
#ifndef PLYFS_ENGINE_TREE_EBB_H_
#define PLYFS_ENGINE_TREE_EBB_H_

#include <atomic>
#include <cstddef>

namespace plyfs {

class Ebb {
 public:
  // Less is not worth giving back.
  static constexpr size_t kLeast = 1024;

  // There are so many inodes now.  True, to one caller, each time they have become half as many as there were
  // at most since it last was.
  bool IsDue(size_t inodes) {
    size_t most = most_.load(std::memory_order_relaxed);
    if (inodes > most) {
      most_.compare_exchange_strong(most, inodes, std::memory_order_relaxed);
      return false;
    }
    if (most < kLeast || inodes > most / 2) return false;
    return most_.compare_exchange_strong(most, inodes, std::memory_order_relaxed);
  }

 private:
  std::atomic<size_t> most_{0};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_EBB_H_
