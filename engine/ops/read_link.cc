#include <fcntl.h>

#include "engine/io/sys_dir.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

Result<std::string> ReadLink(Parts& parts, NodeId node) {
  if (auto known = warm::ReadLink(parts.tree, node)) return *std::move(known);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (auto indexed = FindIndexed(parts, *inode)) return std::string(indexed->entry.target());
  CacheableRead reading(parts, inode);
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  PLY_TRY(std::string target, sys::ReadLinkAt(fd.get(), ""));
  reading.Keep([&](uint64_t version) { inode->StoreTarget(version, target); });
  return target;
}

}  // namespace plyfs::ops
