// PLY_BUG: a broken invariant.  Debug builds abort; release builds log one line and the request gets EIO.
//
// Never for what a layer, a client or the disk can do: those are ordinary errors.
#ifndef PLYFS_ENGINE_BASE_BUG_H_
#define PLYFS_ENGINE_BASE_BUG_H_

#include "engine/base/result.h"

namespace plyfs {

// EIO, for `return PLY_BUG("...")`.
Errno ReportBug(const char* what, const char* file, int line);

}  // namespace plyfs

#define PLY_BUG(what) ::plyfs::ReportBug(what, __FILE__, __LINE__)

#endif  // PLYFS_ENGINE_BASE_BUG_H_
