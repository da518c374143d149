// Anchors: places in one layer.  Values; the descriptors, if open, live in the layer room.
#ifndef PLYFS_ENGINE_FORMAT_ANCHOR_H_
#define PLYFS_ENGINE_FORMAT_ANCHOR_H_

#include <cstdint>
#include <vector>

#include "engine/base/ids.h"
#include "engine/format/lower_path.h"

namespace plyfs {

// Which object of a filesystem: what must still be there when a place is opened again.  Birth time tells a
// reused inode number from the old one, where the filesystem records it.
struct ObjectId {
  uint64_t dev = 0;
  uint64_t ino = 0;
  uint64_t birth = 0;  // nanoseconds, 0 where unknown

  bool known() const { return ino != 0; }
  friend bool operator==(const ObjectId&, const ObjectId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ObjectId& id) {
    return H::combine(std::move(h), id.dev, id.ino, id.birth);
  }
};

// An object beneath a lower layer's root.  Lowers do not move, so a path is enough to find it again.
struct LowerAnchor {
  LayerId layer = kUpper;  // kUpper: there is none
  LowerPath path;
  ObjectId object;

  bool exists() const { return layer != kUpper; }
  friend bool operator==(const LowerAnchor&, const LowerAnchor&) = default;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_ANCHOR_H_
