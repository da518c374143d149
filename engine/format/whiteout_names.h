// Whiteouts by name, as AUFS, OCI archives and fuse-overlayfs write them (O1, O2): read where the mount asks
// for it (O5), never written.  fuse-overlayfs has one hide the name in its own layer too; to those who unpack
// archives it does not.  Pure; any thread.
#ifndef PLYFS_ENGINE_FORMAT_WHITEOUT_NAMES_H_
#define PLYFS_ENGINE_FORMAT_WHITEOUT_NAMES_H_

#include <string>
#include <string_view>

namespace plyfs {

inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
inline constexpr const char* kOpaqueFile = ".wh..wh..opq";  // makes the directory that it is in opaque

constexpr bool IsWhiteoutName(std::string_view name) {
  return name.starts_with(kWhiteoutPrefix);
}

// The name that a whiteout's file hides in the layers below its own; empty: none, it is AUFS' own, or what
// stands behind the prefix is no name.
constexpr std::string_view HiddenBy(std::string_view whiteout) {
  whiteout.remove_prefix(kWhiteoutPrefix.size());
  const bool no_name = whiteout == "." || whiteout == "..";
  return no_name || whiteout.starts_with(kWhiteoutPrefix) ? std::string_view() : whiteout;
}

inline std::string WhiteoutNameOf(std::string_view name) {
  return std::string(kWhiteoutPrefix) + std::string(name);
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_WHITEOUT_NAMES_H_
