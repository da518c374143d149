#include "engine/ops/copy_up.h"

#include <fcntl.h>

#include "engine/base/bug.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/copy_up_stage.h"
#include "engine/ops/locate.h"
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

// Puts the staged copy under its name; the directory's change state is held.
Status Install(Parts& parts, const InodeRef& inode, const InodeName& name, const StagedCopy& staged) {
  PLY_TRY(SharedFd dir, UpperDir(parts, name.parent));
  PLY_TRY(struct statx before, sys::StatxFd(dir->get()));
  if (staged.has_origin) PLY_CHECK(MarkImpure(parts, dir->get()));
  Status done = staged.temp_name.empty()
                    ? sys::LinkFd(staged.fd.get(), dir->get(), name.name.c_str())
                    : sys::RenameAt2(parts.work->fd(), staged.temp_name.c_str(), dir->get(), name.name.c_str(),
                                     RENAME_NOREPLACE);
  // Somebody put the name there by hand: theirs stands (U11).
  if (done.error() == EEXIST) return Errno(ESTALE);
  PLY_CHECK(done);
  // Copying up is no change of the directory (C5).
  struct timespec times[2] = {{before.stx_atime.tv_sec, before.stx_atime.tv_nsec},
                              {before.stx_mtime.tv_sec, before.stx_mtime.tv_nsec}};
  return sys::Utimens(dir->get(), times);
}

void Publish(Parts& parts, const InodeRef& inode, const StagedCopy& staged) {
  inode->MarkUpper(staged.object);
  // A file whose links part is a new file with its own number (S6).
  if (staged.splits) inode->SetIno(MapIno(parts, staged.object));
  parts.tree.inodes.Rekey(*inode, staged.object);
  inode->ForgetData();
  inode->DropAttr();
  if (parts.invalidator) parts.invalidator->InvalidateAttr(inode->id());
}

// The object has lost its name while somebody holds it: its copy has none either (N19).
Status CopyUpNameless(Parts& parts, const InodeRef& inode, StagedCopy staged) {
  if (!staged.temp_name.empty()) {
    PLY_TRY(UniqueFd pinned, sys::OpenBeneath(parts.work->fd(), staged.temp_name.c_str(), O_PATH));
    parts.work->Discard(staged.temp_name);
    staged.fd = std::move(pinned);
  }
  PLY_CHECK(KeepAlive(parts, *inode, std::move(staged.fd)));
  Publish(parts, inode, staged);
  return OkStatus();
}

Status CopyUpOne(Parts& parts, const InodeRef& inode, CopyUpData data) {
  Exclusion::Hold copying = parts.copies.Acquire(inode->id());
  if (inode->is_upper()) return OkStatus();
  PLY_TRY(StagedCopy staged, StageCopy(parts, inode, data));
  if (inode->unlinked()) return CopyUpNameless(parts, inode, std::move(staged));
  // A name cannot be renamed while it is being copied (renames copy up first); it can be removed.
  std::optional<InodeName> name = inode->AnyName();
  if (name) {
    Exclusion::Hold changing = parts.dir_changes.Acquire(name->parent->id());
    if (inode->HasName(*name->parent, name->name)) {
      Status installed = Install(parts, inode, *name, staged);
      if (installed.ok()) {
        Publish(parts, inode, staged);
      } else if (!staged.temp_name.empty()) {
        parts.work->Discard(staged.temp_name);
      }
      return installed;
    }
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
  PLY_TRY(auto impure, parts.records.Get(upper_dir, Record::kImpure));
  if (impure) return OkStatus();
  Status marked = parts.records.Set(upper_dir, Record::kImpure, "y");
  return marked.error() == EOPNOTSUPP ? OkStatus() : marked;
}

}  // namespace plyfs
