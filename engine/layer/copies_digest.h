// CopiesDigest: tells whether the copies of a directory are the ones seen before, with the records they had:
// what each is and when it was last changed.  In whatever order they are added.
//
// A value.
#ifndef PLYFS_ENGINE_LAYER_COPIES_DIGEST_H_
#define PLYFS_ENGINE_LAYER_COPIES_DIGEST_H_

#include <sys/stat.h>

#include <cstdint>

namespace plyfs {

class CopiesDigest {
 public:
  void Add(const struct statx& copy);
  void Add(const CopiesDigest& others);
  uint64_t value() const { return sum_; }
  // The same, but 0 where a change may leave no trace: filesystems count ctimes in ticks, and a copy has been
  // changed within this one.
  uint64_t settled_value() const;

 private:
  uint64_t sum_ = 0;
  int64_t latest_ns_ = 0;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_COPIES_DIGEST_H_
