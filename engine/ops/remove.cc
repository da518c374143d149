#include "engine/ops/remove.h"

#include <dirent.h>
#include <fcntl.h>

#include <cstring>

#include "engine/base/log.h"
#include "engine/base/planted.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/layer/scan.h"
#include "engine/ops/copy_up_stage.h"
#include "engine/ops/dir_view.h"
#include "engine/ops/load_listing.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/new_object.h"
#include "engine/ops/orphan.h"
#include "engine/ops/resolve.h"

namespace plyfs {
namespace {

// What the tree knows may be older than what somebody put there by hand, and is no ground for removing it
// (U3).
Result<UniqueFd> OpenIfOnlyWhiteouts(Parts& parts, int upper_dir, const std::string& name) {
  PLY_TRY(UniqueFd fd, sys::OpenBeneath(upper_dir, name.c_str(), O_RDONLY | O_DIRECTORY));
  PLY_TRY(bool only_whiteouts, HoldsOnlyWhiteouts(fd.get(), parts.records));
  if (!only_whiteouts) return Errno(ENOTEMPTY);
  return fd;
}

// `dir` was moved out of upper to `temp`.  Its whiteouts go, nothing else.
void DiscardDirectory(Parts& parts, int dir, WorkTemp temp) {
  std::vector<std::string> whiteouts;
  if (sys::DirReader(dir).Rewind().ok()) {
    (void)ScanDirectory(dir, parts.records, XattrWhiteouts::kEverywhere, [&](const ScannedEntry& entry) {
      if (entry.whiteout) whiteouts.emplace_back(entry.name);
      return OkStatus();
    });
  }
  for (const std::string& name : whiteouts) (void)sys::UnlinkAt(dir, name.c_str());
  Status removed = sys::UnlinkAt(temp.dir(), temp.name(), AT_REMOVEDIR);
  if (!removed.ok()) {
    Logf("workdir: %s stays until the next mount: %s", temp.name(), std::strerror(removed.error()));
  }
  temp.Keep();
}

// What `temp` is takes the place of the directory at `name`, in one step.
Status ReplaceDirectory(Parts& parts, int upper_dir, const std::string& name, WorkTemp temp, UniqueFd old) {
  PLY_CHECK(sys::RenameAt2(temp.dir(), temp.name(), upper_dir, name.c_str(), RENAME_EXCHANGE));
  DiscardDirectory(parts, old.get(), std::move(temp));
  return OkStatus();
}

// Nothing below needs hiding: the name goes, with the whiteouts inside it in one step (N9).
Status RemoveDirectory(Parts& parts, int upper_dir, const std::string& name) {
  Status removed = sys::UnlinkAt(upper_dir, name.c_str(), AT_REMOVEDIR);
  if (removed.error() != ENOTEMPTY && removed.error() != EEXIST) return removed;
  PLY_TRY(UniqueFd old, OpenIfOnlyWhiteouts(parts, upper_dir, name));
  WorkTemp temp(*parts.work);
  PLY_CHECK(sys::RenameAt2(upper_dir, name.c_str(), temp.dir(), temp.name(), RENAME_NOREPLACE));
  DiscardDirectory(parts, old.get(), std::move(temp));
  return OkStatus();
}

Status RemoveFromUpper(Parts& parts, int upper_dir, Name name, bool is_dir, bool whiteout) {
  if (whiteout) return PutWhiteout(parts, upper_dir, name);
  return is_dir ? RemoveDirectory(parts, upper_dir, name.str())
                : sys::UnlinkAt(upper_dir, name.str().c_str());
}

}  // namespace

Result<bool> HoldsNothing(Parts& parts, const InodeRef& dir) {
  PLY_TRY(bool nothing, ViewIsEmpty(parts, dir));
  if (nothing) return true;
  OpenDir reading(dir, O_NOATIME);
  nothing = true;
  PLY_CHECK(VisitListing(parts, reading, 0, [&](const DirEntry& entry) -> Result<bool> {
    if (entry.name == "." || entry.name == "..") return true;
    if (entry.type != DT_REG) return nothing = false;
    Result<InodeRef> inode = Resolve(parts, dir, Name::Trusted(entry.name));
    nothing = inode.ok() && !*inode;  // what is refused is there (D14)
    return nothing;
  }));
  return nothing;
}

Status RemoveEntry(Parts& parts, const InodeRef& dir, Name name, const InodeRef& inode) {
  PLY_TRY(bool whiteout, NeedsWhiteout(parts, dir, name));
  if (!inode->is_dir() && inode->is_upper() && Planted(Plant::kUnlink)) {
    std::vector<LowerMember> two = MembersOf(*dir);
    two.resize(std::min<size_t>(two.size(), 2));
    PLY_TRY(whiteout, LowerPositive(parts.probe_context(), two, name));
  }
  if (inode->is_dir() && inode->is_upper() && !inode->merged() && Planted(Plant::kRmdir)) whiteout = false;
  const Trust trust{dir->watch_word()};
  PLY_TRY(SharedFd upper, UpperDir(parts, dir));
  NameChange change(parts, {{*dir, name}}, {inode.get()});
  Status removed = PrepareToLose(parts, inode, upper->get(), name);
  if (removed.ok()) removed = RemoveFromUpper(parts, upper->get(), name, inode->is_dir(), whiteout);
  if (!removed.ok()) {
    if (inode->is_dir()) inode->DropListing();
    ForgetName(parts, dir, name);
    return removed;
  }
  LeaveListing(dir, name, whiteout);
  SetGone(parts, *dir, name, trust);
  dir->DropAttr();
  LoseName(parts, dir, name, inode);
  return OkStatus();
}

Status PrepareToLose(Parts& parts, const InodeRef& inode, int upper_dir, Name name) {
  Result<UniqueFd> fd = sys::OpenBeneath(upper_dir, name.str().c_str(), O_PATH);
  bool is_upper = inode->is_upper();
  if (fd.error() == ENOENT) return is_upper ? Status(Errno(ESTALE)) : OkStatus();
  if (!fd.ok()) return fd.status();
  if (!is_upper) return Errno(ESTALE);  // put there by hand over the lower object (U11)
  PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
  if (!(ObjectIdOf(st) == inode->upper())) return Errno(ESTALE);
  // The last that the engine can reach it by, or the last there is: names may be known that are gone by hand.
  bool last = inode->Names().size() <= 1 || st.stx_nlink <= 1;
  return last ? KeepAlive(parts, *inode, *std::move(fd)) : OkStatus();
}

void LeaveListing(const InodeRef& dir, Name name, bool whiteout) {
  std::shared_ptr<MergedDir> listing = dir->listing();
  if (!whiteout && listing && listing->Find(name).entry) return dir->DropListing();
  dir->ChangeListing([&](MergedDir& current) { current.Remove(name.bytes()); });
}

void LoseName(Parts& parts, const InodeRef& dir, Name name, const InodeRef& inode) {
  inode->DropAttr();
  // Other names may exist that nobody has looked up; they would find it by its object, as long as the object
  // lives.
  if (!inode->LoseName(*dir, name.bytes())) return;
  if (!inode->is_dir()) return;
  inode->DropListing();
  parts.tree.listings.Drop(*inode);
  parts.tree.inodes.Disown(*inode);
  parts.dir_fds.Erase(inode->id());
}

Status PutWhiteout(Parts& parts, int upper_dir, Name name) {
  std::string at = name.str();
  PLY_TRY(std::string made, parts.work->MakeWhiteout());
  WorkTemp whiteout(*parts.work, std::move(made));
  Result<struct statx> there = sys::Statx(upper_dir, at.c_str());
  if (!there.ok() && there.error() != ENOENT) return there.status();
  if (there.ok() && S_ISDIR(there->stx_mode)) {
    PLY_TRY(UniqueFd old, OpenIfOnlyWhiteouts(parts, upper_dir, at));
    return ReplaceDirectory(parts, upper_dir, at, std::move(whiteout), std::move(old));
  }
  unsigned flags = there.ok() ? 0 : RENAME_NOREPLACE;
  Status done = sys::RenameAt2(whiteout.dir(), whiteout.name(), upper_dir, at.c_str(), flags);
  if (done.ok()) whiteout.Keep();
  return done.error() == EEXIST ? Status(Errno(ESTALE)) : done;
}

Status ClearUpperDir(Parts& parts, int upper_dir, Name name) {
  std::string at = name.str();
  PLY_TRY(UniqueFd old, sys::OpenBeneath(upper_dir, at.c_str(), O_RDONLY | O_DIRECTORY));
  PLY_TRY(const sys::DirReader::Entry* any, sys::DirReader(old.get()).Next());
  if (!any) return OkStatus();
  PLY_TRY(old, OpenIfOnlyWhiteouts(parts, upper_dir, at));
  // The twin takes its place before the whiteouts go, so that no crash shows what they hide; and it looks
  // like the old one, for a crash before it is replaced.
  WorkTemp twin(*parts.work);
  PLY_CHECK(sys::MkdirAt(twin.dir(), twin.name(), 0700));
  PLY_TRY(UniqueFd fd, sys::OpenBeneath(twin.dir(), twin.name(), O_RDONLY | O_DIRECTORY));
  PLY_CHECK(CopyMetadata(parts, old.get(), fd.get()));
  PLY_CHECK(MarkOpaque(parts, fd.get()));
  return ReplaceDirectory(parts, upper_dir, at, std::move(twin), std::move(old));
}

}  // namespace plyfs
