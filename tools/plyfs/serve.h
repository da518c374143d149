// Serve: one mount from its options to its end.  Main's thread, in the process that serves.
#ifndef PLYFS_TOOLS_PLYFS_SERVE_H_
#define PLYFS_TOOLS_PLYFS_SERVE_H_

#include <string>

#include "engine/format/mount_options.h"
#include "fuse/mount.h"
#include "fuse/session.h"
#include "tools/plyfs/keeper.h"
#include "tools/plyfs/launch.h"

namespace plyfs::tool {

// What the options wish for, in the words of fuse.  `program`: the default of source and subtype; `source`:
// the word before the mountpoint, if any.
fuse::MountSpec MountSpecOf(const ParsedOptions& options, const char* program, const std::string& source,
                            const std::string& mountpoint);
fuse::SessionOptions SessionOptionsOf(const ParsedOptions& options, bool debug);

// Opens the layers, mounts, reports through `launch`, serves until unmounted and ends the process.
// `may_cover`: another mount of ours at the mountpoint is covered without a word, as fuse-overlayfs does.
[[noreturn]] void Serve(const ParsedOptions& options, const fuse::MountSpec& spec,
                        const fuse::SessionOptions& session_options, const Keeper& keeper, Launch launch,
                        int failure, bool may_cover);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_SERVE_H_
