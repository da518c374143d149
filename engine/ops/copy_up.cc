#include "engine/ops/copy_up.h"

#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/copy_up_stage.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/orphan.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

// The topmost of `inode` and its ancestors that is not in upper; `inode` itself comes last.
Result<InodeRef> TopmostMissing(const InodeRef& inode) {
  InodeRef missing = inode;
  while (!missing->unlinked()) {
    std::optional<InodeName> name = missing->AnyName();
    if (!name) return missing->id() == kRootNode ? Result<InodeRef>(missing) : Errno(ESTALE);
    if (name->parent->is_upper()) return missing;
    missing = name->parent;
  }
  return missing;
}

// Puts the staged copy under its name; the directory's changes are held.
Status Install(Parts& parts, const InodeName& name, int dir, StagedCopy* staged) {
  PLY_TRY(struct statx before, sys::StatxFd(dir));
  if (staged->has_origin) PLY_CHECK(MarkImpure(parts, dir));
  const char* to = name.name.c_str();
  Status done = staged->temp
                    ? sys::RenameAt2(staged->temp->dir(), staged->temp->name(), dir, to, RENAME_NOREPLACE)
                    : sys::LinkFd(staged->fd.get(), dir, to);
  if (done.error() == EEXIST) {
    // Somebody put the name there by hand: theirs stands (U11).
    ForgetName(parts, name.parent, Name::Trusted(name.name));
    return Errno(ESTALE);
  }
  PLY_CHECK(done);
  if (staged->temp) staged->temp->Keep();
  // Copying up is no change of the directory (C5); that it stands is not undone for its times.
  struct timespec times[2] = {{before.stx_atime.tv_sec, before.stx_atime.tv_nsec},
                              {before.stx_mtime.tv_sec, before.stx_mtime.tv_nsec}};
  (void)sys::Utimens(dir, times);
  return OkStatus();
}

void PublishObject(Parts& parts, const InodeRef& inode, const StagedCopy& staged) {
  parts.tree.inodes.Rekey(*inode, staged.object);
  inode->MarkUpper(staged.object);
  // A file whose links part is a new file with its own number (S6).
  if (staged.splits || Planted(Plant::kCopyUpNumber)) {
    inode->SetIno(MapIno(parts, staged.object));
  } else {
    parts.tree.numbers.Take(inode->st_ino(), staged.object);
  }
  inode->DropAttr();
  if (parts.invalidator) parts.invalidator->InvalidateAttr(inode->id());
}

void PublishName(Parts& parts, const InodeRef& inode, const InodeName& at, Trust trust, bool other_number) {
  Name name = Name::Trusted(at.name);
  NodeId known = parts.tree.dentries.Find(at.parent->id(), name).node;
  SetName(parts, *at.parent, name, inode.get(), trust);
  // Another inode was made of the lower object meanwhile: it is not what the name leads to any more.
  bool other = known != 0 && known != inode->id();
  if (other && parts.coherence) parts.coherence->DoubtName(*at.parent, name, known);
  if (other_number) {
    at.parent->ChangeListing([&](MergedDir& listing) { listing.SetIno(at.name, inode->st_ino()); });
  }
  // Its times were put back, but its ctime has moved.
  at.parent->DropAttr();
  if (!parts.invalidator) return;
  if (other) parts.invalidator->InvalidateEntry(at.parent->id(), at.name);
  parts.invalidator->InvalidateAttr(at.parent->id());
  if (other_number) parts.invalidator->InvalidateData(at.parent->id());  // the listing it has cached
}

// The object has lost its name while somebody holds it: its copy has none either (N19).
Status CopyUpNameless(Parts& parts, const InodeRef& inode, StagedCopy staged) {
  PLY_TRY(UniqueFd pin, sys::Reopen(staged.fd.get(), O_PATH));
  inode->SetKeeper(nullptr);  // of the lower object (ops/coherence.cc:KeepOpened)
  PLY_CHECK(KeepAlive(parts, *inode, std::move(pin)));
  inode->MarkUnlinked();
  PublishObject(parts, inode, staged);
  return OkStatus();
}

// Before anybody can change the copy by hand it is watched (U9).
bool WatchCopy(Parts& parts, const InodeRef& inode, const StagedCopy& staged) {
  return !inode->is_dir() || !parts.coherence || parts.coherence->WatchStaged(*inode, staged.fd.get());
}

Status CopyUpNamed(Parts& parts, const InodeRef& inode, const InodeName& at, StagedCopy staged) {
  const Trust trust{at.parent->watch_word()};
  PLY_TRY(SharedFd dir, UpperDir(parts, at.parent));
  bool watched = WatchCopy(parts, inode, staged);
  NameChange change(parts, {{*at.parent, Name::Trusted(at.name)}}, {});
  if (Status installed = Install(parts, at, dir->get(), &staged); !installed.ok()) {
    // The impure mark may stand already, and has moved the directory's ctime.
    at.parent->DropAttr();
    if (parts.invalidator) parts.invalidator->InvalidateAttr(at.parent->id());
    return installed;
  }
  PublishObject(parts, inode, staged);
  if (!watched) parts.coherence->LayersChanged(inode);
  PublishName(parts, inode, at, trust, staged.splits);
  if (inode->opens() > 0 && Planted(Plant::kFlock)) {
    parts.tree.inodes.Disown(*inode);
    ForgetName(parts, at.parent, Name::Trusted(at.name));
  }
  return OkStatus();
}

Status CopyUpOne(Parts& parts, const InodeRef& inode, CopyUpData data) {
  Exclusion::Hold copying = parts.copies.Acquire(inode->id());
  if (inode->is_upper()) return OkStatus();
  PLY_TRY(StagedCopy staged, StageCopy(parts, inode, data));
  // A name cannot be renamed while it is being copied (renames copy up first); it can be removed.
  if (std::optional<InodeName> name = inode->AnyName()) {
    // A directory's own as well: what hands do in its copy is looked at when the tree knows of the copy.
    std::vector<uint64_t> dirs{name->parent->id()};
    if (inode->is_dir()) dirs.push_back(inode->id());
    auto changing = parts.dir_changes.AcquireAll(std::move(dirs));
    if (inode->HasName(*name->parent, name->name)) return CopyUpNamed(parts, inode, *name, std::move(staged));
  }
  return CopyUpNameless(parts, inode, std::move(staged));
}

}  // namespace

Status CopyUp(Parts& parts, const InodeRef& inode, CopyUpData data) {
  if (!parts.writable()) return Errno(EROFS);
  // Ancestors first, the topmost missing one each time (copy_up.c:ovl_copy_up_flags).
  while (!inode->is_upper()) {
    PLY_TRY(InodeRef missing, TopmostMissing(inode));
    PLY_CHECK(CopyUpOne(parts, missing, missing == inode ? data : CopyUpData::kAll));
  }
  return OkStatus();
}

Status MarkImpure(Parts& parts, int upper_dir) {
  if (Planted(Plant::kImpure)) return OkStatus();
  PLY_TRY(auto impure, parts.records.Get(upper_dir, Record::kImpure));
  if (impure == "y") return OkStatus();  // any other value means nothing (L22)
  Status marked = parts.records.Set(upper_dir, Record::kImpure, "y");
  return marked.error() == EOPNOTSUPP ? OkStatus() : marked;
}

}  // namespace plyfs
