// Limits of the process.
#ifndef PLYFS_ENGINE_IO_SYS_LIMITS_H_
#define PLYFS_ENGINE_IO_SYS_LIMITS_H_

#include <cstdint>

#include "engine/base/result.h"

namespace plyfs::sys {

// Raises the number of descriptors the process may hold to the hard limit and gives it: the descriptor budget
// is cut from that.  Once, at start; children that use select(2) should not inherit it.
Result<uint64_t> RaiseDescriptorLimit();
// What it is now.
uint64_t DescriptorLimit();

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_LIMITS_H_
