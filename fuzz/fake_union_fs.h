// FakeFs: what the fake engine behind fuse_requests is to answer, and what it was asked.
//
// Linked instead of engine/union_fs: the requests' names, ids and bytes are checked and forgotten.  One, of
// the target's thread.
#ifndef PLYFS_FUZZ_FAKE_UNION_FS_H_
#define PLYFS_FUZZ_FAKE_UNION_FS_H_

#include <cstdint>
#include <functional>
#include <map>

#include "engine/base/ids.h"

namespace plyfs::fuzz {

struct FakeFs {
  // What the next call answers: 0 to 133 that errno, kAbsent a name known to be absent, others success.
  static constexpr uint8_t kAbsent = 255, kLastErrno = 133;
  uint8_t answer = 0;
  size_t size = 0;  // of values, targets and listings
  std::function<void()> while_executing = [] {};

  std::map<NodeId, uint64_t> lookups;  // counts given less those taken back
  std::map<Handle, uint64_t> opens;    // likewise
  uint64_t bytes_seen = 0;             // a sum of all bytes that were handed in
  uint64_t calls = 0;

  static FakeFs& Get();
};

}  // namespace plyfs::fuzz

#endif  // PLYFS_FUZZ_FAKE_UNION_FS_H_
