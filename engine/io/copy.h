// CopyData: the data of one file into another, holes kept (C8).
//
// By the cheapest means the two filesystems allow: blocks shared (FICLONE), else copied extent by extent with
// copy_file_range, else read and written, with reads and writes overlapping on a ring where extents are long.
// On the calling thread, which waits; any thread, each pair of descriptors one at a time.
#ifndef PLYFS_ENGINE_IO_COPY_H_
#define PLYFS_ENGINE_IO_COPY_H_

#include <cstdint>
#include <functional>

#include "engine/base/result.h"
#include "engine/io/ring.h"

namespace plyfs {

struct CopyOptions {
  // Asked between chunks; true ends the copy with EINTR.
  std::function<bool()> cancelled;
  // For overlapping reads and writes; null: one after the other.
  RingPool* rings = nullptr;
  // Means not to try, for tests and for filesystems known to lack them.
  bool clone = true;
  bool copy_file_range = true;
};

// Copies the first `size` bytes of `from` (readable; its offset moves) into `to` (writable, empty, not
// O_APPEND), whose size becomes what was copied, a hole at the end included.  Gives that number: less than
// `size` when `from` has become shorter meanwhile, which is not an error.  `to` is as long as `from` was at
// that moment when blocks were shared.  On an error `to` holds anything.  Not synced.
Result<uint64_t> CopyData(int from, int to, uint64_t size, const CopyOptions& options);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_COPY_H_
