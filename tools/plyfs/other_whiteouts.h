// Whether the layers are such as hold other tools' whiteouts (`wh=auto`).
//
// Used by main before it forks, once paths are absolute.
#ifndef PLYFS_TOOLS_PLYFS_OTHER_WHITEOUTS_H_
#define PLYFS_TOOLS_PLYFS_OTHER_WHITEOUTS_H_

#include "engine/format/mount_options.h"

namespace plyfs::tool {

// Settles `auto`: on where plyfs was called fuse-overlayfs, and for layers that containers/storage keeps for
// a mount program: it unpacks deletions as files named ".wh.x", and says so by a file ".has-mount-program" in
// a directory above.  Where it is on, no layer's index is taken: these do not know such names.
void SettleOtherWhiteouts(ParsedOptions& options, Personality personality);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_OTHER_WHITEOUTS_H_
