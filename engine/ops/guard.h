// Guard: what the immutable and append-only flags of objects forbid (A3, A14, A15).  The kernel does not know
// them of FUSE objects, so every change asks here first.
//
// Any thread; blocks once an inode, to read its flags.
#ifndef PLYFS_ENGINE_OPS_GUARD_H_
#define PLYFS_ENGINE_OPS_GUARD_H_

#include "engine/ops/parts.h"

namespace plyfs {

// The object's protecting flags: kFlagImmutable, kFlagAppend.
Result<uint32_t> ProtectionOf(Parts& parts, const InodeRef& inode);

// EROFS on a read-only mount, then EPERM where one of `flags` protects the object.
Status MayUnless(Parts& parts, const InodeRef& inode, uint32_t flags);

// The same, by what is to be done:
// mode, owner, times, xattrs, links of the object;
Status MayChange(Parts& parts, const InodeRef& inode);
// opening with these flags, or truncating (O_TRUNC);
Status MayOpenForWrite(Parts& parts, const InodeRef& inode, uint32_t flags);
// a new name in a directory;
Status MayAddTo(Parts& parts, const InodeRef& dir);
// taking the object's name out of its directory.
Status MayRemove(Parts& parts, const InodeRef& dir, const InodeRef& inode);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_GUARD_H_
