#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/remove.h"
#include "engine/ops/resolve.h"

namespace plyfs::ops {

Status Unlink(Parts& parts, NodeId parent, Name name) {
  if (!parts.writable()) return Errno(EROFS);
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  PLY_TRY(InodeRef inode, ResolvePresent(parts, dir, name));
  if (inode->is_dir()) return Errno(EISDIR);
  PLY_CHECK(MayRemove(parts, dir, inode));
  PLY_CHECK(CopyUp(parts, dir));
  Exclusion::Hold changing = parts.dir_changes.Acquire(dir->id());
  PLY_TRY(inode, ResolvePresent(parts, dir, name));
  if (inode->is_dir()) return Errno(EISDIR);
  return RemoveEntry(parts, dir, name, inode);
}

}  // namespace plyfs::ops
