// POSIX ACLs as the attributes system.posix_acl_* carry them, and how a new object inherits them (A9, N16,
// F24).
//
// Any thread.
#ifndef PLYFS_ENGINE_FORMAT_ACL_H_
#define PLYFS_ENGINE_FORMAT_ACL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace plyfs {

enum class AclTag : uint16_t {
  kUserObj = 0x01,
  kUser = 0x02,
  kGroupObj = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOther = 0x20,
};

inline constexpr uint32_t kAclNoId = ~uint32_t{0};

struct AclEntry {
  AclTag tag;
  uint16_t perm;           // rwx
  uint32_t id = kAclNoId;  // of kUser and kGroup only
  friend bool operator==(const AclEntry&, const AclEntry&) = default;
};

using Acl = std::vector<AclEntry>;

// A legal ACL, or one without entries, which stands for none (fs/posix_acl.c:posix_acl_from_xattr,
// posix_acl_valid).  EINVAL: malformed; EOPNOTSUPP: another version than 2.
Result<Acl> ParseAcl(std::string_view value);
std::string ComposeAcl(const Acl& acl);

// The mode that says all that an access ACL says, where one can (posix_acl_equiv_mode): the group bits are
// the mask's.  `exact` false: the ACL says more and has to be kept.
struct AclMode {
  uint32_t permissions;  // 0777
  bool exact;
};
AclMode ModeOfAcl(const Acl& acl);

// What an object created with `mode` gets in a directory that has a default ACL (posix_acl_create,
// posix_acl_create_masq); the umask then does not count.  Symlinks inherit nothing.
struct InheritedAcl {
  uint32_t mode;                   // as given, less the permissions that the ACL does not grant
  std::optional<Acl> access;       // nullopt: the mode says it all
  std::optional<Acl> default_acl;  // the default ACL of a new directory
};
// EIO: not a legal ACL.
Result<InheritedAcl> InheritAcl(const Acl& directory_default, uint32_t mode);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_ACL_H_
