#include "engine/format/redirect.h"

namespace plyfs {
namespace {

bool HasEmptyComponent(std::string_view path) {
  return path.ends_with('/') || path.find("//") != path.npos;
}

}  // namespace

// fs/overlayfs/util.c:ovl_get_redirect_xattr.
Result<Redirect> ParseRedirect(std::string_view value) {
  if (value.empty()) return Errno(EINVAL);
  const std::string_view path = value.substr(0, value.find('\0'));
  const bool absolute = path.starts_with('/');
  if (absolute ? HasEmptyComponent(path) : path.find('/') != path.npos) return Errno(EINVAL);
  return Redirect{.absolute = absolute, .path = path};
}

Result<std::string> ComposeAbsoluteRedirect(std::span<const std::string_view> leaf_to_root) {
  std::string path;
  for (std::string_view name : leaf_to_root) {
    const bool absolute = name.starts_with('/');
    if (path.size() + name.size() + !absolute > kRedirectMax) return Errno(EXDEV);
    path.insert(0, name);
    if (absolute) break;
    path.insert(0, 1, '/');
  }
  return path;
}

}  // namespace plyfs
