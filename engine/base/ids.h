// The numbers that name things: inodes of the merged tree, layers, open files, places in a listing.
#ifndef PLYFS_ENGINE_BASE_IDS_H_
#define PLYFS_ENGINE_BASE_IDS_H_

#include <cstdint>

namespace plyfs {

// An inode of the merged tree as the FUSE client knows it: slot in the low 32 bits, generation of the slot in
// the high 32.  Never reused for another object; the root is 1.
using NodeId = uint64_t;
inline constexpr NodeId kRootNode = 1;
inline constexpr uint32_t kMaxSlots = uint32_t{1} << 28;

// A layer of the stack: kUpper, or the number of a lower layer, 0 being the topmost.
using LayerId = int32_t;
inline constexpr LayerId kUpper = -1;

// An open file or directory, as handed to the client in `fh`; 0 is none.
using Handle = uint64_t;

// A place in a directory listing (what telldir gives): names the entry after which to go on; 0 is the start.
using Cookie = uint64_t;

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_IDS_H_
