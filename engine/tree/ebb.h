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
  // Less is not worth giving back: of a tree that never had more, or of what is left of one that had.
  static constexpr size_t kLeast = 1024;
  static constexpr size_t kLeastLeft = 16;

  // There are so many inodes now.  True, to one caller, each time they have become half as many as there were
  // at most since it last was.
  bool IsDue(size_t inodes) {
    size_t word = most_.load(std::memory_order_relaxed);
    const size_t most = word & ~kEbbing;
    if (inodes > most) {
      most_.compare_exchange_strong(word, inodes, std::memory_order_relaxed);
      return false;
    }
    if (most < ((word & kEbbing) != 0 ? kLeastLeft : kLeast) || inodes > most / 2) return false;
    return most_.compare_exchange_strong(word, inodes | kEbbing, std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kEbbing = size_t{1} << 63;  // it was due, and there have not been more since
  std::atomic<size_t> most_{0};
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TREE_EBB_H_
