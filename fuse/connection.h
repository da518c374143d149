// Connection: what every request of a session needs to know; constant once INIT is answered.
//
// Owned by Session, shared by all readers.
#ifndef PLYFS_FUSE_CONNECTION_H_
#define PLYFS_FUSE_CONNECTION_H_

#include <cstdint>

#include "engine/union_fs/union_fs.h"
#include "fuse/encode.h"
#include "fuse/hand_overs.h"

namespace plyfs::fuse {

struct Connection {
  UnionFs* fs = nullptr;
  Encoder encoder{IdMaps{}, -1};
  const HandOvers* hand_overs = nullptr;
  bool debug = false;  // one line a request into the log

  // As agreed in INIT.
  uint32_t minor = 0;
  uint64_t flags = 0;  // wire::InitFlag

  bool has(uint64_t flag) const { return (flags & flag) != 0; }
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_CONNECTION_H_
