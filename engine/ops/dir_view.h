// DirView: what one READDIR or READDIRPLUS reads from: the snapshot that an open directory is at.
//
// Any thread; taking the first one of a stream may block on the layers.
#ifndef PLYFS_ENGINE_OPS_DIR_VIEW_H_
#define PLYFS_ENGINE_OPS_DIR_VIEW_H_

#include <functional>

#include "engine/ops/parts.h"

namespace plyfs {

// Whether a client's reading of an upper directory moves the atime (C21; fs/inode.c:relatime_need_update).
bool AtimeIsDue(Parts& parts, const InodeRef& dir, uint32_t open_flags);

// A batch of entries in cookie order.  `from` 0 begins the listing anew (D4, D5); any other goes on in the
// snapshot.  Calls `visit` with each entry, "." and ".." first, until it answers false or the listing ends.
// ENOENT: the directory was removed (D7).  `looks`: the names are looked at as well, so OpenDir::copies are
// kept.
Status VisitListing(Parts& parts, OpenDir& dir, Cookie from,
                    const std::function<Result<bool>(const DirEntry&)>& visit, bool looks = false);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_DIR_VIEW_H_
