#include "engine/ops/rename_plan.h"

#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/redirect.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/layer/scan.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/new_object.h"
#include "engine/ops/remove.h"
#include "engine/ops/resolve.h"

namespace plyfs {
namespace {

// A directory with lower members can only be moved by a redirect (dir.c:ovl_can_move).
bool CanMove(const Parts& parts, const Inode& inode) {
  return !inode.is_dir() || !inode.merged() || parts.config.redirect_dir == RedirectDir::kOn;
}

// Whether `inode` is `dir` or above it.
bool IsAbove(const InodeRef& inode, InodeRef dir) {
  while (!(dir == inode)) {
    std::optional<InodeName> name = dir->AnyName();
    if (!name) return false;
    dir = name->parent;
  }
  return true;
}

Status CheckReplace(Parts& parts, const RenamePlan& plan) {
  const Inode& target = *plan.to.inode;
  if (target.is_dir() && !plan.from.inode->is_dir()) return Errno(EISDIR);
  if (!target.is_dir() && plan.from.inode->is_dir()) return Errno(ENOTDIR);
  // A directory without lower members is left to rename(2) on upper (dir.c:ovl_rename_start): a refused
  // rename then leaves the same traces as the kernel's (R20).
  if (!target.is_dir() || !target.merged()) return OkStatus();
  PLY_TRY(bool empty, HoldsNothing(parts, plan.to.inode));
  return empty ? OkStatus() : Status(Errno(ENOTEMPTY));
}

bool IsUpperObject(const InodeRef& inode, const struct statx& st) {
  return inode && inode->is_upper() && inode->upper() == ObjectIdOf(st);
}

// What upper itself holds at the two names.  ESTALE where it is neither what the tree shows nor a whiteout or
// nothing at the target: put there, or taken away, by hand (U3, U12).
Status LookAtUpper(Parts& parts, RenamePlan* plan) {
  Result<struct statx> from = sys::Statx(plan->from.upper->get(), plan->from.name.str().c_str());
  if (from.error() == ENOENT) return Errno(ESTALE);
  if (!from.ok()) return from.status();
  if (!IsUpperObject(plan->from.inode, *from)) return Errno(ESTALE);
  Result<struct statx> to = sys::Statx(plan->to.upper->get(), plan->to.name.str().c_str());
  bool must_be_there = plan->to.inode && plan->to.inode->is_upper();
  if (to.error() == ENOENT) return must_be_there ? Status(Errno(ESTALE)) : OkStatus();
  if (!to.ok()) return to.status();
  plan->target_in_upper = IsUpperObject(plan->to.inode, *to);
  if (!plan->to.inode) {
    PLY_TRY(plan->target_is_whiteout,
            IsWhiteoutAt(plan->to.upper->get(), plan->to.name.str().c_str(), *to, parts.records));
  }
  return plan->target_in_upper || plan->target_is_whiteout ? OkStatus() : Status(Errno(ESTALE));
}

// The name by which the layers below know a directory: what its redirect leads to, or its own name.
Result<std::string> NameBelow(Parts& parts, const InodeRef& dir, const std::string& name) {
  if (!dir->is_upper()) return name;
  PLY_TRY(SharedFd fd, UpperDir(parts, dir));
  PLY_TRY(auto redirect, parts.records.Get(fd->get(), Record::kRedirect));
  if (!redirect) return name;
  PLY_TRY(Redirect parsed, ParseRedirect(*redirect));
  return std::string(parsed.path);
}

Result<std::string> AbsoluteRedirect(Parts& parts, const RenameEnd& moved) {
  std::vector<std::string> names;
  InodeRef at = moved.inode;
  while (at->id() != kRootNode) {
    std::optional<InodeName> name = at->AnyName();
    if (!name) return Errno(ESTALE);
    PLY_TRY(std::string below, NameBelow(parts, at, name->name));
    names.push_back(std::move(below));
    at = name->parent;
  }
  if (names.size() >= 2 && Planted(Plant::kRedirect)) names.erase(names.begin() + 1);
  std::vector<std::string_view> views(names.begin(), names.end());
  return ComposeAbsoluteRedirect(views);
}

Status SetRedirect(Parts& parts, const RenameEnd& moved, const RenameEnd& destination) {
  PLY_TRY(SharedFd fd, UpperDir(parts, moved.inode));
  PLY_TRY(auto old, parts.records.Get(fd->get(), Record::kRedirect));
  bool same_dir = moved.dir == destination.dir;
  // A relative one stays true within its directory, an absolute one everywhere (dir.c:ovl_set_redirect).
  if (old && (same_dir || old->starts_with('/'))) return OkStatus();
  std::string value = moved.name.str();
  if (!same_dir) {
    PLY_TRY(value, AbsoluteRedirect(parts, moved));
  }
  Status set = parts.records.Set(fd->get(), Record::kRedirect, value);
  return set.error() == EOPNOTSUPP ? Status(Errno(EXDEV)) : set;
}

Status SetOpaque(Parts& parts, const RenameEnd& moved, const RenameEnd& destination) {
  if (!destination.dir->merged() || Planted(Plant::kRenameOpaque)) return OkStatus();
  PLY_TRY(SharedFd fd, UpperDir(parts, moved.inode));
  PLY_TRY(auto old, parts.records.Get(fd->get(), Record::kOpaque));
  if (old && ParseOpaque(*old) == Opaque::kYes) return OkStatus();
  Status set = parts.records.Set(fd->get(), Record::kOpaque, kOpaqueYes);
  return set.error() == EOPNOTSUPP ? Status(Errno(EXDEV)) : set;
}

// An object with an origin makes its new directory impure (R18).
Status MarkDestination(Parts& parts, const RenameEnd& moved, const RenameEnd& destination) {
  if (moved.dir == destination.dir) return OkStatus();
  PLY_TRY(UniqueFd fd, OpenUpper(parts, moved.inode, O_PATH));
  PLY_TRY(auto origin, parts.records.Get(fd.get(), Record::kOrigin));
  return origin ? MarkImpure(parts, destination.upper->get()) : OkStatus();
}

Status WriteRecords(Parts& parts, const RenameEnd& moved, const RenameEnd& destination) {
  PLY_CHECK(MarkDestination(parts, moved, destination));
  if (!moved.inode->is_dir()) return OkStatus();
  return moved.inode->merged() ? SetRedirect(parts, moved, destination)
                               : SetOpaque(parts, moved, destination);
}

}  // namespace

Status CheckRename(Parts& parts, RenamePlan* plan, bool no_replace) {
  PLY_TRY(plan->from.inode, ResolvePresent(parts, plan->from.dir, plan->from.name));
  PLY_TRY(plan->to.inode, Resolve(parts, plan->to.dir, plan->to.name));
  if (no_replace && plan->to.inode) return Errno(EEXIST);
  if (plan->exchange && !plan->to.inode) return Errno(ENOENT);
  PLY_CHECK(MayRemove(parts, plan->from.dir, plan->from.inode));
  if (plan->to.inode) {
    PLY_CHECK(MayRemove(parts, plan->to.dir, plan->to.inode));
  } else {
    PLY_CHECK(CheckNewName(parts, plan->to.name));
    PLY_CHECK(MayAddTo(parts, plan->to.dir));
  }
  // rename(2) would refuse, but only after the records were written.
  if (IsAbove(plan->from.inode, plan->to.dir)) return Errno(EINVAL);
  if (plan->to.inode && IsAbove(plan->to.inode, plan->from.dir))
    return Errno(plan->exchange ? EINVAL : ENOTEMPTY);
  if (!CanMove(parts, *plan->from.inode)) return Errno(EXDEV);
  if (plan->exchange) return CanMove(parts, *plan->to.inode) ? OkStatus() : Status(Errno(EXDEV));
  return plan->to.inode ? CheckReplace(parts, *plan) : OkStatus();
}

Status PrepareRename(Parts& parts, RenamePlan* plan, bool no_replace) {
  PLY_CHECK(CopyUp(parts, plan->from.inode));
  PLY_CHECK(CopyUp(parts, plan->to.dir));
  if (plan->exchange) PLY_CHECK(CopyUp(parts, plan->to.inode));
  std::vector<uint64_t> dirs{plan->from.dir->id(), plan->to.dir->id()};
  // Nothing may be made inside a directory that is being replaced.
  if (!plan->exchange && plan->to.inode && plan->to.inode->is_dir()) dirs.push_back(plan->to.inode->id());
  plan->holds = parts.dir_changes.AcquireAll(std::move(dirs));
  InodeRef from = plan->from.inode, to = plan->to.inode;
  PLY_CHECK(CheckRename(parts, plan, no_replace));
  if (!(plan->from.inode == from) || !(plan->to.inode == to)) return Errno(ESTALE);
  for (RenameEnd* end : {&plan->from, &plan->to}) end->trust = Trust{end->dir->watch_word()};
  PLY_TRY(plan->from.upper, UpperDir(parts, plan->from.dir));
  PLY_TRY(plan->to.upper, UpperDir(parts, plan->to.dir));
  if (Status there = LookAtUpper(parts, plan); !there.ok()) {
    ForgetName(parts, plan->from.dir, plan->from.name);
    ForgetName(parts, plan->to.dir, plan->to.name);
    return there;
  }
  if (plan->exchange) return OkStatus();
  PLY_TRY(plan->leave_whiteout, NeedsWhiteout(parts, plan->from.dir, plan->from.name));
  return OkStatus();
}

Status RecordMove(Parts& parts, const RenameEnd& moved, const RenameEnd& destination) {
  if (!moved.inode->is_dir() && moved.dir == destination.dir) return OkStatus();
  Status recorded = WriteRecords(parts, moved, destination);
  // A rename refused later leaves these traces: the client must see the new ctimes (R20).
  for (const InodeRef& touched : {moved.inode, destination.dir}) {
    touched->DropAttr();
    if (parts.invalidator) parts.invalidator->InvalidateAttr(touched->id());
  }
  return recorded;
}

}  // namespace plyfs
