// Attr: what stat tells of one object of the merged tree.  A value.
#ifndef PLYFS_ENGINE_FORMAT_ATTR_H_
#define PLYFS_ENGINE_FORMAT_ATTR_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>

namespace plyfs {

struct TimeSpec {
  int64_t sec = 0;
  uint32_t nsec = 0;
  friend bool operator==(const TimeSpec&, const TimeSpec&) = default;
};

struct Attr {
  uint64_t ino = 0;     // the merged tree's number (semantics S1-S6), not necessarily the layer's
  uint64_t size = 0;    // bytes
  uint64_t blocks = 0;  // of 512 bytes
  TimeSpec atime, mtime, ctime, btime;
  uint32_t mode = 0;  // type and permission bits
  uint32_t nlink = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t rdev_major = 0;
  uint32_t rdev_minor = 0;
  uint32_t blksize = 0;  // bytes

  uint32_t type() const { return mode & S_IFMT; }
  bool is_dir() const { return type() == S_IFDIR; }
  bool is_regular() const { return type() == S_IFREG; }
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_ATTR_H_
