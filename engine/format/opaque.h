// The record overlay.opaque of a directory.  Any thread.
#ifndef PLYFS_ENGINE_FORMAT_OPAQUE_H_
#define PLYFS_ENGINE_FORMAT_OPAQUE_H_

#include <cstdint>
#include <string_view>

namespace plyfs {

enum class Opaque : uint8_t {
  kNo,
  kYes,            // 'y': nothing below joins the merge (L5)
  kHasXwhiteouts,  // 'x': may hold empty files that are whiteouts (X5); merges as kNo
};

inline constexpr std::string_view kOpaqueYes = "y";  // the one value ever written (X6)

// Exactly one byte counts; every other value is as good as no record
// (fs/overlayfs/util.c:ovl_get_dir_xattr_val).
constexpr Opaque ParseOpaque(std::string_view value) {
  if (value == "y") return Opaque::kYes;
  if (value == "x") return Opaque::kHasXwhiteouts;
  return Opaque::kNo;
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_OPAQUE_H_
