#include <fcntl.h>

#include "engine/io/sys_xattr.h"
#include "engine/layer/indexed.h"
#include "engine/ops/caller_process.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {

namespace {

// Longer lists are rare and not worth their room.
constexpr size_t kMostNamesKept = 1024;

// trusted.* is shown to CAP_SYS_ADMIN only (A5; fs/xattr.c: the list is not filtered by the kernel for FUSE).
bool MaySeeTrusted(const Caller& caller) {
  constexpr int kCapSysAdmin = 21;
  return caller.pid == 0 ? caller.uid == 0 : ProcessHasCapability(caller.pid, kCapSysAdmin);
}

std::string WithoutTrusted(const std::string& names) {
  std::string kept;
  for (size_t at = 0; at < names.size();) {
    std::string_view name(names.c_str() + at);
    at += name.size() + 1;
    if (!name.starts_with("trusted.")) kept.append(name).push_back('\0');
  }
  return kept;
}

}  // namespace

Result<std::string> ListXattr(Parts& parts, const Caller& caller, NodeId node, size_t room) {
  if (parts.config.noxattrs) return Errno(EOPNOTSUPP);
  if (auto known = warm::ListXattr(parts.tree, parts.records.names(), node, room)) return *std::move(known);
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (auto indexed = FindIndexed(parts, *inode); indexed && HasNoXattrs(indexed->entry)) return std::string();
  CacheableRead reading(parts, inode);
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  Result<std::string> stored = sys::ListXattr(fd.get());
  if (stored.error() == EOPNOTSUPP) stored = std::string();
  if (!stored.ok()) return stored;
  if (stored->size() <= kMostNamesKept) {
    reading.Keep([&](uint64_t version) { inode->StoreXattrNames(version, *stored); });
  }
  PLY_TRY(std::string shown, warm::ShownXattrs(parts.records.names(), *std::move(stored), room));
  if (room == 0 || shown.find("trusted.") == shown.npos || MaySeeTrusted(caller)) return shown;
  return WithoutTrusted(shown);
}

}  // namespace plyfs::ops
