#include "engine/ops/rename_plan.h"

#include <fcntl.h>

#include "engine/format/redirect.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/load_listing.h"
#include "engine/ops/locate.h"
#include "engine/ops/resolve.h"

namespace plyfs {
namespace {

// A directory with lower members can only be moved by a redirect (dir.c:ovl_can_move).
bool CanMove(const Parts& parts, const Inode& inode) {
  return !inode.is_dir() || !inode.merged() || parts.config.redirect_dir == RedirectDir::kOn;
}

Status CheckReplace(Parts& parts, const RenamePlan& plan) {
  const Inode& target = *plan.to.inode;
  if (target.is_dir() && !plan.from.inode->is_dir()) return Errno(EISDIR);
  if (!target.is_dir() && plan.from.inode->is_dir()) return Errno(ENOTDIR);
  if (!target.is_dir()) return OkStatus();
  PLY_TRY(bool empty, ViewIsEmpty(parts, plan.to.inode));
  return empty ? OkStatus() : Status(Errno(ENOTEMPTY));
}

// What upper itself holds at the target's name, which may be other than what the tree shows there.
Status LookAtTarget(Parts& parts, RenamePlan* plan) {
  Result<struct statx> st = sys::Statx(plan->to.upper->get(), plan->to.name.str().c_str());
  if (st.error() == ENOENT) return OkStatus();
  if (!st.ok()) return st.status();
  if (FoundOf(*st) == Found::kWhiteout) {
    plan->target_is_whiteout = true;
    return OkStatus();
  }
  plan->target_in_upper = true;
  bool expected = plan->to.inode && plan->to.inode->is_upper() && plan->to.inode->upper() == ObjectIdOf(*st);
  return expected ? OkStatus() : Status(Errno(ESTALE));  // put there by hand (U3)
}

// The name by which the layers below know a directory: its redirect, or its own name.
Result<std::string> NameBelow(Parts& parts, const InodeRef& dir, const std::string& name) {
  if (!dir->is_upper()) return name;
  PLY_TRY(SharedFd fd, UpperDir(parts, dir));
  PLY_TRY(auto redirect, parts.records.Get(fd->get(), Record::kRedirect));
  return redirect ? *redirect : name;
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
  if (!destination.dir->merged()) return OkStatus();
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
    PLY_CHECK(MayAddTo(parts, plan->to.dir));
  }
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
  PLY_TRY(plan->from.upper, UpperDir(parts, plan->from.dir));
  PLY_TRY(plan->to.upper, UpperDir(parts, plan->to.dir));
  PLY_CHECK(LookAtTarget(parts, plan));
  if (plan->exchange) return OkStatus();
  PLY_TRY(plan->leave_whiteout, NeedsWhiteout(parts, plan->from.dir, plan->from.name));
  return OkStatus();
}

Status RecordMove(Parts& parts, const RenameEnd& moved, const RenameEnd& destination) {
  PLY_CHECK(MarkDestination(parts, moved, destination));
  if (!moved.inode->is_dir()) return OkStatus();
  return moved.inode->merged() ? SetRedirect(parts, moved, destination) : SetOpaque(parts, moved, destination);
}

}  // namespace plyfs
