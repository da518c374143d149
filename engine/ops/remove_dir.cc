#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/remove.h"
#include "engine/ops/resolve.h"

namespace plyfs::ops {

Status RemoveDir(Parts& parts, NodeId parent, Name name) {
  if (!parts.writable()) return Errno(EROFS);
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  PLY_TRY(InodeRef inode, ResolvePresent(parts, dir, name));
  if (!inode->is_dir()) return Errno(ENOTDIR);
  PLY_CHECK(MayRemove(parts, dir, inode));
  PLY_TRY(bool empty, HoldsNothing(parts, inode));
  if (!empty) return Errno(ENOTEMPTY);  // before anything is copied up (C)
  PLY_CHECK(CopyUp(parts, dir));
  // Both: nothing may be made inside while the directory goes.
  auto changing = parts.dir_changes.AcquireAll({dir->id(), inode->id()});
  PLY_TRY(InodeRef again, ResolvePresent(parts, dir, name));
  if (!(again == inode)) return Errno(ESTALE);
  PLY_TRY(empty, HoldsNothing(parts, inode));
  if (!empty) return Errno(ENOTEMPTY);
  return RemoveEntry(parts, dir, name, inode);
}

}  // namespace plyfs::ops
