#include <fcntl.h>

#include <tuple>

#include "engine/base/planted.h"
#include "engine/format/file_type.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/ops.h"
#include "engine/ops/remove.h"
#include "engine/ops/rename_plan.h"

namespace plyfs::ops {
namespace {

Status MoveIn(const RenamePlan& plan, unsigned flags) {
  return sys::RenameAt2(plan.from.upper->get(), plan.from.name.str().c_str(), plan.to.upper->get(),
                        plan.to.name.str().c_str(), flags);
}

// For a filesystem that lacks RENAME_WHITEOUT, in two steps (R21).  A crash in between shows a file under
// both names, and of a directory the target's name without the empty directory that it replaces.
Status MoveThenWhiteout(Parts& parts, const RenamePlan& plan, unsigned replace) {
  if (plan.from.inode->is_dir()) {
    PLY_CHECK(PutWhiteout(parts, plan.to.upper->get(), plan.to.name));
    return MoveIn(plan, RENAME_EXCHANGE);
  }
  WorkTemp link(*parts.work);
  PLY_CHECK(sys::LinkAt(plan.from.upper->get(), plan.from.name.str().c_str(), link.dir(), link.name()));
  PLY_CHECK(
      sys::RenameAt2(link.dir(), link.name(), plan.to.upper->get(), plan.to.name.str().c_str(), replace));
  link.Keep();
  return PutWhiteout(parts, plan.from.upper->get(), plan.from.name);
}

Status MoveOntoWhiteout(const RenamePlan& plan) {
  if (!plan.leave_whiteout && !plan.from.inode->is_dir()) return MoveIn(plan, 0);  // R6
  PLY_CHECK(MoveIn(plan, RENAME_EXCHANGE));                                        // R5, R7
  // A whiteout that hides nothing may stay: the rename is done.
  if (!plan.leave_whiteout || Planted(Plant::kRename))
    (void)sys::UnlinkAt(plan.from.upper->get(), plan.from.name.str().c_str());
  return OkStatus();
}

Status ActOnUpper(Parts& parts, const RenamePlan& plan, bool clear_target) {
  if (plan.exchange) return MoveIn(plan, RENAME_EXCHANGE);
  if (plan.target_is_whiteout) return MoveOntoWhiteout(plan);
  unsigned replace = plan.target_in_upper ? 0 : RENAME_NOREPLACE;
  if (clear_target) PLY_CHECK(ClearUpperDir(parts, plan.to.upper->get(), plan.to.name));
  if (!plan.leave_whiteout) return MoveIn(plan, replace);  // R3
  Status moved = MoveIn(plan, RENAME_WHITEOUT | replace);  // R4
  return moved.error() == EINVAL ? MoveThenWhiteout(parts, plan, replace) : moved;
}

// `end.inode` is now at `there`, and not any more where it was.
void PublishMoved(Parts& parts, const RenameEnd& end, const RenameEnd& there) {
  there.dir->ChangeListing([&](MergedDir& listing) {
    listing.Insert(there.name.bytes(), DirentTypeOf(end.inode->type()), end.inode->st_ino());
  });
  if (end.inode->is_dir()) {
    parts.tree.inodes.NameDirectory(*end.inode, there.dir, there.name.bytes());
  } else {
    end.inode->AddName(there.dir, there.name.bytes());
    end.inode->RemoveName(*end.dir, end.name.bytes());
  }
  SetName(parts, *there.dir, there.name, end.inode.get(), there.trust);
  end.inode->DropAttr();
  there.dir->DropAttr();
}

void Publish(Parts& parts, const RenamePlan& plan) {
  const auto& [from, to] = std::tie(plan.from, plan.to);
  PublishMoved(parts, from, to);
  if (plan.exchange) {
    PublishMoved(parts, to, from);
    return;
  }
  if (to.inode) LoseName(parts, to.dir, to.name, to.inode);
  LeaveListing(from.dir, from.name, plan.leave_whiteout);
  SetGone(parts, *from.dir, from.name, from.trust);
  from.dir->DropAttr();
}

// A hand may have put something else there before it was moved, and is told of at the old name only.
void DoubtIfAnother(Parts& parts, const RenameEnd& end, const RenameEnd& there) {
  if (!parts.coherence) return;
  Result<struct statx> now = sys::Statx(there.upper->get(), there.name.str().c_str());
  if (now.ok() && ObjectIdOf(*now) == end.inode->upper()) return;
  there.dir->DropListing();
  parts.coherence->DoubtName(*there.dir, there.name, end.inode->id());
}

// A redirect leads to what it has in the layers, by directories that are to be watched from now on (U2).
void WatchWayTo(Parts& parts, const InodeRef& inode) {
  if (parts.coherence && inode->is_dir()) parts.coherence->DoubtLater({inode});
}

Status Move(Parts& parts, const RenamePlan& plan) {
  const auto& [from, to] = std::tie(plan.from, plan.to);
  // A directory's whiteouts would keep rename(2) from replacing it (R11); what else it holds shall (R12).
  // Asked before the name is being changed: beneath that nothing is resolved (docs/locks.md).
  bool clear_target = false;
  if (!plan.exchange && plan.target_in_upper && to.inode->is_dir()) {
    PLY_TRY(clear_target, HoldsNothing(parts, to.inode));
  }
  NameChange change(parts, {{*from.dir, from.name}, {*to.dir, to.name}}, {from.inode.get(), to.inode.get()});
  if (!plan.exchange && plan.target_in_upper) {
    PLY_CHECK(PrepareToLose(parts, to.inode, to.upper->get(), to.name));
  }
  if (Status moved = ActOnUpper(parts, plan, clear_target); !moved.ok()) {
    ForgetName(parts, from.dir, from.name);
    ForgetName(parts, to.dir, to.name);
    // A refused rename(2) may have moved the directories' times.
    for (const InodeRef& dir : {from.dir, to.dir}) {
      if (parts.invalidator) parts.invalidator->InvalidateAttr(dir->id());
    }
    return moved;
  }
  Publish(parts, plan);
  DoubtIfAnother(parts, from, to);
  if (plan.exchange) DoubtIfAnother(parts, to, from);
  WatchWayTo(parts, from.inode);
  if (plan.exchange) WatchWayTo(parts, to.inode);
  return OkStatus();
}

}  // namespace

Status Rename(Parts& parts, NodeId parent, Name name, NodeId new_parent, Name new_name, uint32_t flags) {
  if (flags & ~static_cast<uint32_t>(RENAME_NOREPLACE | RENAME_EXCHANGE)) return Errno(EINVAL);  // R2
  bool no_replace = flags & RENAME_NOREPLACE;
  bool exchange = flags & RENAME_EXCHANGE;
  if (no_replace && exchange) return Errno(EINVAL);
  if (no_replace && Planted(Plant::kRenameNoReplace)) return Errno(EEXIST);
  if (!parts.writable()) return Errno(EROFS);
  PLY_TRY(InodeRef from_dir, FindDir(parts, parent));
  PLY_TRY(InodeRef to_dir, FindDir(parts, new_parent));
  RenamePlan plan{
      RenameEnd{from_dir, name, {}, {}, {}}, RenameEnd{to_dir, new_name, {}, {}, {}}, exchange, {}};
  PLY_CHECK(CheckRename(parts, &plan, no_replace));
  if (plan.from.inode == plan.to.inode) return OkStatus();  // R14
  PLY_CHECK(PrepareRename(parts, &plan, no_replace));
  // In this order, as one may be recorded before the other is refused (fs/overlayfs/dir.c:ovl_rename).
  PLY_CHECK(RecordMove(parts, plan.from, plan.to));
  if (exchange && !Planted(Plant::kRenameExchange)) PLY_CHECK(RecordMove(parts, plan.to, plan.from));
  return Move(parts, plan);
}

}  // namespace plyfs::ops
