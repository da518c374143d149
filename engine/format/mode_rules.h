// What happens to the set-id bits of a mode, and who owns a new object: rules the kernel applies on a local
// filesystem and plyfs therefore has to apply itself (A9-A11, N16).
//
// `in_group` everywhere: the caller is in the group named, or has CAP_FSETID towards the object.  Any thread.
#ifndef PLYFS_ENGINE_FORMAT_MODE_RULES_H_
#define PLYFS_ENGINE_FORMAT_MODE_RULES_H_

#include <cstdint>

namespace plyfs {

// After a write, truncate or fallocate by a caller without CAP_FSETID (A11;
// fs/attr.c:setattr_should_drop_suidgid): set-user-id goes, set-group-id goes where it grants anything or the
// caller is not in the file's group.  Regular files only.
uint32_t ModeAfterWrite(uint32_t mode, bool in_group);

// After a change of owner or group, whoever asks (A10; fs/open.c:chown_common).  Directories keep theirs.
uint32_t ModeAfterChown(uint32_t mode, bool in_group);

// `wanted`, asked for of an object of `mode`'s type, by chmod or by setting an access ACL (A9;
// fs/attr.c:setattr_copy): set-group-id needs membership in the object's group.
uint32_t ModeAfterChmod(uint32_t mode, uint32_t wanted, bool in_group);

// An object made in a directory of `dir_mode` and `dir_gid`: the group of a set-group-id directory is
// inherited, its bit by directories only (N16; fs/inode.c:inode_init_owner, mode_strip_sgid).  `in_group` is
// about dir_gid.
struct NewOwner {
  uint32_t mode;
  uint32_t gid;
  friend bool operator==(const NewOwner&, const NewOwner&) = default;
};
NewOwner OwnerOfNew(uint32_t mode, uint32_t caller_gid, uint32_t dir_mode, uint32_t dir_gid, bool in_group);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_MODE_RULES_H_
