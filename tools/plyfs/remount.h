// `-o remount`: changes the flags of a live mount (semantics M22); its layers and options stay as they are.
// Main's thread.
#ifndef PLYFS_TOOLS_PLYFS_REMOUNT_H_
#define PLYFS_TOOLS_PLYFS_REMOUNT_H_

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/format/mount_flags.h"

namespace plyfs::tool {

struct LiveMount {
  std::string type;
  MountFlags flags;
};

// The topmost mount at `mountpoint` by the text of /proc/self/mountinfo; null: none.
std::optional<LiveMount> FindMount(std::string_view mountinfo, std::string_view mountpoint);

Status RemountLive(const std::string& mountpoint, const MountFlags& wish, std::string* error_line);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_REMOUNT_H_
