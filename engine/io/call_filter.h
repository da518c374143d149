// CallFilter: the system calls that a serving daemon makes, as a seccomp filter; all others are EPERM.
//
// Refused and not fatal: a call that the list lacks by mistake costs one operation and not the mount.  What
// could lead out is not in it: programs, namespaces, mounts, sockets, other processes, io_uring (whose calls
// no filter sees), code made at run time.
#ifndef PLYFS_ENGINE_IO_CALL_FILTER_H_
#define PLYFS_ENGINE_IO_CALL_FILTER_H_

#include "engine/base/result.h"

namespace plyfs::sys {

// Binds every thread of this process for good.  No thread may have a filter that the others lack.
Status FilterCalls();

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_CALL_FILTER_H_
