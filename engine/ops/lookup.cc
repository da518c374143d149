#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/resolve.h"
#include "engine/ops/stat_inode.h"
#include "engine/ops/warm.h"

namespace plyfs::ops {
namespace {

Result<Entry> Load(Parts& parts, NodeId parent, Name name) {
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  // An object that went away by hand between being found and being asked is looked for once more.
  for (int attempt = 0;; ++attempt) {
    PLY_TRY(InodeRef inode, Resolve(parts, dir, name));
    if (!inode) {
      uint32_t ttl = parts.tree.NameTtl(*dir, name, 0);
      return Entry{0, Attr(), ttl, ttl};
    }
    parts.tree.inodes.AddLookup(*inode);
    bool kept = false;
    Result<Attr> attr = StatInode(parts, inode, &kept);
    if (attr.ok()) return MakeEntry(parts, *dir, name, *inode, *attr, kept);
    Forget(parts, inode->id(), 1);
    if (attr.error() != ESTALE || attempt > 0) return attr.status();
    parts.tree.dentries.Doubt(dir->id(), name);
    // An upper one is found by its object wherever that is now.
    if (!inode->is_upper()) parts.tree.inodes.Disown(*inode);
  }
}

}  // namespace

Result<Entry> Lookup(Parts& parts, const Caller& caller, NodeId parent, Name name) {
  auto known = warm::Lookup(parts.tree, parent, name);
  Result<Entry> entry = known ? *std::move(known) : Load(parts, parent, name);
  const bool looks = entry.ok() && entry->node != 0 && !S_ISDIR(entry->attr.mode);
  if (looks) parts.tree.habits.NoteLookup(caller.pid, parent);
  return entry;
}

}  // namespace plyfs::ops
