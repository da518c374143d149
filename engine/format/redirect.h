// The record overlay.redirect: under which name the layers below hold a renamed directory, or the data of a
// metacopy file (L10-L15, R16).  Any thread.
#ifndef PLYFS_ENGINE_FORMAT_REDIRECT_H_
#define PLYFS_ENGINE_FORMAT_REDIRECT_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs {

struct Redirect {
  bool absolute;          // from the root of the merged tree; else one name in the parent
  std::string_view path;  // "/a/b" or "n"; points into the parsed value
};

// EINVAL: not of the one shape or the other (L13).  The components may still be "." and "..", which must not
// be looked up: that is EACCES where they are met, and MergeFold's.
Result<Redirect> ParseRedirect(std::string_view value);

inline constexpr size_t kRedirectMax = 256;  // L15

// The absolute value for an object whose own name and then those of its ancestors below the root are given,
// the object's first.  Each is the name by which the layers below know it: its redirect record if it has
// one (an absolute one ends the path), else its name.  EXDEV: over 256 bytes.
Result<std::string> ComposeAbsoluteRedirect(std::span<const std::string_view> leaf_to_root);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_REDIRECT_H_
