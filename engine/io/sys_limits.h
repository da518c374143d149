// Limits of the process.
#ifndef PLYFS_ENGINE_IO_SYS_LIMITS_H_
#define PLYFS_ENGINE_IO_SYS_LIMITS_H_

#include <cstdint>

#include "engine/base/result.h"

namespace plyfs::sys {

// Raises the number of descriptors the process may hold to the hard limit and gives it: the descriptor budget
// is cut from that.  Once, at start; children that use select(2) should not inherit it.
Result<uint64_t> RaiseDescriptorLimit();
// So many can be opened, if the limit allows them, without the kernel's table of them having to grow: that
// takes milliseconds in a process of several threads (fs/file.c:expand_fdtable waits for all processors).
// Before there are others.
void ReserveDescriptors(int count);
// What the limit is now.
uint64_t DescriptorLimit();
// Closes every descriptor of a file or directory but those of standard input, output and error, so that their
// filesystems can be unmounted; the rest (pipes, devices, watches) stays.  Asks no server for attributes.
// For a process that is about to end: whoever still uses one of them gets EBADF.
void CloseFilesAndDirectories();

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_LIMITS_H_
