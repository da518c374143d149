#include "fuse/mount_options.h"

#include <sys/mount.h>

#include <charconv>

namespace plyfs::fuse {
namespace {

struct FlagWord {
  unsigned long flag;
  const char* word;
};

// The flags that fusermount3 takes from ordinary users as words.
constexpr FlagWord kFlagWords[] = {
    {MS_NODEV, "nodev"},           {MS_NOSUID, "nosuid"},    {MS_NOEXEC, "noexec"},   {MS_NOATIME, "noatime"},
    {MS_NODIRATIME, "nodiratime"}, {MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"},
};

void AddCommon(const MountSpec& spec, std::string* options) {
  if (spec.allow_other) *options += ",allow_other";
  if (spec.default_permissions) *options += ",default_permissions";
  if (spec.max_read > 0) *options += ",max_read=" + std::to_string(spec.max_read);
}

// fusermount3 splits at commas and takes a backslash as the sign that the next byte is meant.
std::string EscapeCommas(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string KernelOptions(const MountSpec& spec, int fd, unsigned uid, unsigned gid) {
  std::string options = "fd=" + std::to_string(fd) + ",rootmode=40000,user_id=" + std::to_string(uid) +
                        ",group_id=" + std::to_string(gid);
  AddCommon(spec, &options);
  if (!spec.selinux_context.empty()) options += ",context=\"" + spec.selinux_context + "\"";
  return options;
}

std::string FusermountOptions(const MountSpec& spec) {
  std::string options = (spec.ms_flags & MS_RDONLY) != 0 ? "ro" : "rw";
  for (const FlagWord& known : kFlagWords) {
    if ((spec.ms_flags & known.flag) != 0) options.append(",").append(known.word);
  }
  AddCommon(spec, &options);
  if (spec.auto_unmount) options += ",auto_unmount";
  options += ",fsname=" + EscapeCommas(spec.source);
  options += ",subtype=" + EscapeCommas(spec.subtype);
  return options;
}

std::optional<int> MountedDescriptor(std::string_view mountpoint) {
  constexpr std::string_view kPrefix = "/dev/fd/";
  if (!mountpoint.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = mountpoint.substr(kPrefix.size());
  int fd = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), fd);
  if (error != std::errc() || end != digits.data() + digits.size() || fd < 0) return std::nullopt;
  return fd;
}

}  // namespace plyfs::fuse
