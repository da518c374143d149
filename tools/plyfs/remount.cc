#include "tools/plyfs/remount.h"

#include <sys/mount.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "engine/format/option_text.h"
#include "fuse/mount.h"

namespace plyfs::tool {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Space, tab, newline and backslash stand there as three octal digits (fs/proc_namespace.c:mangle).
std::string Unmangle(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<LiveMount> FindMount(std::string_view mountinfo, std::string_view mountpoint) {
  // ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS
  constexpr size_t kMountpoint = 4, kOptions = 5;
  std::optional<LiveMount> found;
  for (std::string_view line : Split(mountinfo, '\n')) {
    std::vector<std::string_view> fields = Split(line, ' ');
    size_t dash = kOptions;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 3 >= fields.size() || Unmangle(fields[kMountpoint]) != mountpoint) continue;
    found.emplace();  // later lines lie on top
    found->type = Unmangle(fields[dash + 1]);
    for (size_t options : {kOptions, dash + 3}) {
      for (std::string_view word : Split(fields[options], ',')) {
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
