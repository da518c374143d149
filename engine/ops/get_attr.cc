#include "engine/io/sys_stat.h"
#include "engine/ops/file_access.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {
namespace {

// An open file whose object has lost its place by hand (U8) is still what the handle's descriptor holds.
Result<Attr> StatOpened(Parts& parts, const InodeRef& inode, Handle handle) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  PLY_TRY(struct statx st, sys::StatxFd(access.get()));
  return PresentAttr(parts, inode, st);
}

}  // namespace

Result<AttrReply> GetAttr(Parts& parts, NodeId node, Handle handle) {
  if (auto known = warm::GetAttr(parts.tree, node)) return *known;
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  Result<Attr> attr = StatInode(parts, inode);
  if (attr.error() == ESTALE && handle != 0 && !inode->is_dir()) attr = StatOpened(parts, inode, handle);
  if (!attr.ok()) return attr.status();
  return MakeAttrReply(parts, inode, *attr);
}

}  // namespace plyfs::ops
