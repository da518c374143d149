#include "engine/ops/remove.h"

#include <fcntl.h>

#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/orphan.h"

namespace plyfs {
namespace {

// Moves the directory at `name` aside into W/work, where what it holds is removed, and what `temp` is there
// into its place.
Status ExchangeAndDiscard(Parts& parts, int upper_dir, const std::string& name, const std::string& temp) {
  Status done = sys::RenameAt2(parts.work->fd(), temp.c_str(), upper_dir, name.c_str(), RENAME_EXCHANGE);
  parts.work->Discard(temp);
  return done;
}

}  // namespace

Status PutWhiteout(Parts& parts, int upper_dir, Name name) {
  std::string at = name.str();
  PLY_TRY(std::string whiteout, parts.work->MakeWhiteout());
  Result<struct statx> there = sys::Statx(upper_dir, at.c_str());
  if (there.ok() && S_ISDIR(there->stx_mode)) return ExchangeAndDiscard(parts, upper_dir, at, whiteout);
  Status done = there.ok() ? sys::RenameAt2(parts.work->fd(), whiteout.c_str(), upper_dir, at.c_str())
                           : sys::RenameAt2(parts.work->fd(), whiteout.c_str(), upper_dir, at.c_str(),
                                            RENAME_NOREPLACE);
  if (!done.ok()) parts.work->Discard(whiteout);
  return done.error() == EEXIST ? Status(Errno(ESTALE)) : done;
}

Status RemoveUpperDir(Parts& parts, int upper_dir, Name name) {
  Status removed = sys::UnlinkAt(upper_dir, name.str().c_str(), AT_REMOVEDIR);
  if (removed.error() != ENOTEMPTY && removed.error() != EEXIST) return removed;
  // It holds whiteouts only: the caller has seen its view empty.
  PLY_CHECK(ClearUpperDir(parts, upper_dir, name));
  return sys::UnlinkAt(upper_dir, name.str().c_str(), AT_REMOVEDIR);
}

Status ClearUpperDir(Parts& parts, int upper_dir, Name name) {
  std::string at = name.str();
  PLY_TRY(UniqueFd old, sys::OpenBeneath(upper_dir, at.c_str(), O_RDONLY | O_DIRECTORY));
  PLY_TRY(const sys::DirReader::Entry* any, sys::DirReader(old.get()).Next());
  if (!any) return OkStatus();
  // The twin takes its place before the whiteouts go, so that no crash shows what they hide.
  std::string twin = parts.work->TempName();
  PLY_CHECK(sys::MkdirAt(parts.work->fd(), twin.c_str(), 0700));
  Status opaque = [&]() -> Status {
    PLY_TRY(UniqueFd fd, sys::OpenBeneath(parts.work->fd(), twin.c_str(), O_RDONLY | O_DIRECTORY));
    return parts.records.Set(fd.get(), Record::kOpaque, kOpaqueYes);
  }();
  if (!opaque.ok()) {
    parts.work->Discard(twin);
    return opaque;
  }
  return ExchangeAndDiscard(parts, upper_dir, at, twin);
}

Status PrepareToLose(Parts& parts, const InodeRef& inode, const InodeRef& dir, int upper_dir, Name name) {
  if (!inode->is_upper()) return OkStatus();
  Result<UniqueFd> fd = sys::OpenBeneath(upper_dir, name.str().c_str(), O_PATH);
  if (fd.error() == ENOENT) return Errno(ESTALE);
  if (!fd.ok()) return fd.status();
  PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
  if (!(ObjectIdOf(st) == inode->upper())) return Errno(ESTALE);
  bool last = inode->Names().size() <= 1;
  return last ? KeepAlive(parts, *inode, *std::move(fd)) : OkStatus();
}

void PublishRemoved(Parts& parts, const InodeRef& dir, Name name, const InodeRef& inode) {
  dir->ChangeListing([&](MergedDir& listing) { listing.Remove(name.bytes()); });
  parts.tree.dentries.SetAbsent(dir->id(), name);
  dir->DropAttr();
  inode->DropAttr();
  if (inode->RemoveName(*dir, name.bytes()) > 0) return;
  // Other names may exist that nobody has looked up; they would find it by its object, as long as the object
  // lives.
  inode->MarkUnlinked();
  if (inode->is_dir()) {
    inode->DropListing();
    parts.tree.inodes.Disown(*inode);
    parts.dir_fds.Erase(inode->id());
  }
}

}  // namespace plyfs
