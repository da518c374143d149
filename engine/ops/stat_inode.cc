#include "engine/ops/stat_inode.h"

#include <fcntl.h>

#include "engine/io/sys_stat.h"
#include "engine/layer/indexed.h"
#include "engine/layer/object.h"
#include "engine/ops/locate.h"
#include "engine/ops/orphan.h"

namespace plyfs {
namespace {

// Through the descriptor that is kept of a directory, by name where that settles it: one call instead of
// three.
Result<struct statx> StatUpper(Parts& parts, const InodeRef& inode) {
  if (inode->is_dir()) {
    PLY_TRY(SharedFd dir, UpperDir(parts, inode));
    return sys::StatxFd(dir->get());
  }
  ObjectId expected = inode->upper();
  if (!inode->unlinked()) {
    for (const InodeName& name : inode->Names()) {
      if (!name.parent->is_upper()) continue;
      Result<SharedFd> dir = UpperDir(parts, name.parent);
      if (!dir.ok()) continue;
      Result<struct statx> st = sys::Statx((*dir)->get(), name.name.c_str());
      if (st.ok() && ObjectIdOf(*st) == expected) return st;
    }
  }
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  return sys::StatxFd(fd.get());
}

Result<struct statx> StatVisible(Parts& parts, const InodeRef& inode) {
  if (inode->is_upper()) return StatUpper(parts, inode);
  // Asked once: copied up meanwhile it may have no lower object any more.
  const LowerAnchor lower = VisibleLower(*inode);
  if (auto indexed = FindIndexed(*parts.stack, lower)) {
    return StatOf(indexed->entry, parts.stack->lower(lower.layer).device());
  }
  PLY_TRY(UniqueFd fd, OpenObject(parts, inode, O_PATH));
  return sys::StatxFd(fd.get());
}

}  // namespace

bool NumbersMayGo(const Parts& parts) {
  return parts.config.userxattr || !parts.origins->readable();
}

uint64_t MapIno(const Parts& parts, const ObjectId& object) {
  if (std::optional<size_t> fs = parts.stack->FsIndex(object.dev)) return parts.inos->Map(*fs, object.ino);
  // A subvolume inside a layer: its numbers would meet its parent's, so they go to the overflow range.
  return parts.inos->Map(0, (uint64_t{1} << 63) | ((object.dev << 40) ^ object.ino));
}

Attr PresentAttr(Parts& parts, const InodeRef& inode, const struct statx& st) {
  Attr attr = AttrOf(st);
  attr.ino = inode->st_ino();
  if (inode->is_dir()) {
    DirLowers lowers = inode->lowers();
    bool merged = lowers.size() + (inode->is_upper() ? 1 : 0) > 1;
    if (merged || parts.config.static_nlink) attr.nlink = 1;
    if (inode->unlinked()) attr.nlink = 0;
    return attr;
  }
  if (auto keeper = std::static_pointer_cast<const Orphan>(inode->keeper())) {
    attr.nlink -= std::min(attr.nlink, keeper->extra_links());
  }
  if (inode->unlinked() && !inode->is_upper()) attr.nlink = 0;
  if (const LowerAnchor anchor = inode->data(); anchor.exists()) {
    if (auto indexed = FindIndexed(*parts.stack, anchor); indexed && anchor.object.known()) {
      attr.blocks = indexed->entry.attr().blocks;
      return attr;
    }
    if (Result<UniqueFd> data = OpenData(parts, inode, O_PATH); data.ok()) {
      if (Result<struct statx> data_st = sys::StatxFd(data->get()); data_st.ok()) {
        attr.blocks = data_st->stx_blocks;
      }
    }
  }
  return attr;
}

Result<Attr> StatInode(Parts& parts, const InodeRef& inode, bool* kept) {
  if (std::optional<Attr> cached = inode->CachedAttr()) {
    if (kept) *kept = true;
    return *cached;
  }
  CacheableRead reading(parts, inode);
  Result<struct statx> st = StatVisible(parts, inode);
  if (st.error() == ESTALE) DoubtNames(parts, inode);
  if (!st.ok()) return st.status();
  Attr attr = PresentAttr(parts, inode, *st);
  bool stored = false;
  bool may_stay = reading.Keep([&](uint64_t version) { stored = inode->StoreAttr(version, attr); });
  if (stored) parts.tree.FitAttrs();
  if (kept) *kept = stored && may_stay;
  return attr;
}

Entry MakeEntry(Parts& parts, const Inode& dir, Name name, const Inode& inode, const Attr& attr, bool kept) {
  return Entry{inode.id(), attr, parts.tree.NameTtl(dir, name, inode.id()), parts.tree.AttrTtl(inode, kept)};
}

AttrReply MakeAttrReply(Parts& parts, const Inode& inode, const Attr& attr, bool kept) {
  return AttrReply{attr, parts.tree.AttrTtl(inode, kept)};
}

}  // namespace plyfs
