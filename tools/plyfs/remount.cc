#include "tools/plyfs/remount.h"

#include <sys/mount.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/format/option_text.h"
#include "engine/io/mount_table.h"
#include "fuse/mount.h"

namespace plyfs::tool {
std::optional<LiveMount> FindMount(std::string_view mountinfo, std::string_view mountpoint) {
  std::optional<LiveMount> found;
  for (const MountLine& line : ParseMountTable(mountinfo)) {
    if (line.point != mountpoint) continue;
    found.emplace();  // later lines lie on top
    found->type = line.type;
    for (const std::string* options : {&line.options, &line.super_options}) {
      for (std::string_view word : SplitLine(*options, ',')) {
        if (word != "rw") found->flags.Apply(word);  // read-only if either says so
      }
    }
  }
  return found;
}

Status RemountLive(const std::string& mountpoint, const MountFlags& wish, std::string* error_line) {
  std::ifstream file("/proc/self/mountinfo");
  std::stringstream text;
  text << file.rdbuf();
  std::optional<LiveMount> live = FindMount(text.str(), mountpoint);
  if (!live || !live->type.starts_with("fuse")) {
    *error_line =
        "remount " + Shown(mountpoint) + ": no mount of ours is there; name the mountpoint of a live mount";
    return Errno(EINVAL);
  }
  unsigned long flags = (live->flags.set & ~wish.touched) | (wish.set & wish.touched);
  Status done = fuse::Remount(mountpoint, flags);
  if (!done.ok()) {
    *error_line = "remount " + Shown(mountpoint) + ": " + std::strerror(done.error()) +
                  "; it needs the privilege to mount, and for ro no file open for writing";
  }
  return done;
}

}  // namespace plyfs::tool
