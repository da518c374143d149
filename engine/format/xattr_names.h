// XattrNames: what an extended attribute's name means on a layer, and what the caller sees of it (A5-A8).
//
// One mount reads and writes one family of records, trusted.overlay.* or user.overlay.*; the other family is
// ordinary data.  Names of the active family that callers give are stored with one more "overlay." behind the
// prefix, so that nobody can forge a record through the mount.  Where other tools' whiteouts are read (O5),
// the attributes by which these mark opaque directories are records too, which nobody may set.  Immutable
// after construction; any thread.
#ifndef PLYFS_ENGINE_FORMAT_XATTR_NAMES_H_
#define PLYFS_ENGINE_FORMAT_XATTR_NAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace plyfs {

// semantics, table "Formats on disk".
enum class Record : uint8_t {
  kOpaque,
  kRedirect,
  kOrigin,
  kImpure,
  kNlink,
  kUpper,
  kUuid,
  kMetacopy,
  kProtattr,
  kWhiteout,
};
inline constexpr size_t kRecordCount = 10;

inline constexpr size_t kXattrNameMax = 255;
inline constexpr size_t kXattrValueMax = 65536;

inline constexpr std::string_view kXattrCapability = "security.capability";
inline constexpr std::string_view kXattrAccessAcl = "system.posix_acl_access";
inline constexpr std::string_view kXattrDefaultAcl = "system.posix_acl_default";

class XattrNames {
 public:
  explicit XattrNames(bool userxattr, bool others = false);

  // "trusted.overlay.opaque"; lives as long as this object.
  const std::string& Of(Record record) const { return records_[static_cast<size_t>(record)]; }
  bool userxattr() const { return userxattr_; }
  // Whether other tools' records are read, and the names under which they mark a directory as opaque.
  bool others() const { return !other_opaques_.empty(); }
  const std::vector<std::string>& other_opaques() const { return other_opaques_; }

  // Whether a name as stored on a layer is one of ours: never shown, never copied up (A6, X6).
  bool IsPrivate(std::string_view stored) const;

  // The name under which a caller's attribute is stored.  EINVAL: the bare prefix; EOPNOTSUPP: does not fit
  // once escaped (A7), or another tool's record.
  Result<std::string> Escape(std::string_view shown) const;
  // The name that callers see of a stored one; nullopt if it is private.
  std::optional<std::string> Unescape(std::string_view stored) const;

  // From what listxattr(2) gave of a layer's object to what the caller gets.  EIO: not a list of
  // NUL-terminated names.  Hiding trusted.* from the unprivileged is the kernel's.
  Result<std::string> VisibleList(std::string_view stored_list) const;

 private:
  bool IsOthers(std::string_view stored) const;

  bool userxattr_;
  std::string prefix_;   // "trusted.overlay."
  std::string escaped_;  // "trusted.overlay.overlay."
  std::array<std::string, kRecordCount> records_;
  std::vector<std::string> other_opaques_;  // empty: not read
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_XATTR_NAMES_H_
