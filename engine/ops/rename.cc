#include <fcntl.h>

#include <tuple>

#include "engine/format/file_type.h"
#include "engine/io/sys_dir.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/remove.h"
#include "engine/ops/rename_plan.h"

namespace plyfs::ops {
namespace {

Status MoveIn(const RenamePlan& plan, unsigned flags) {
  return sys::RenameAt2(plan.from.upper->get(), plan.from.name.str().c_str(), plan.to.upper->get(),
                        plan.to.name.str().c_str(), flags);
}

// RENAME_WHITEOUT, or where the filesystem lacks it: the whiteout is put at the target first and the two change
// places; a crash in between shows the target gone, which it was to be, and the source where it was (R21).
Status MoveLeavingWhiteout(Parts& parts, const RenamePlan& plan) {
  Status moved = MoveIn(plan, RENAME_WHITEOUT);
  if (moved.error() != EINVAL) return moved;
  PLY_CHECK(PutWhiteout(parts, plan.to.upper->get(), plan.to.name));
  return MoveIn(plan, RENAME_EXCHANGE);
}

Status ActOnUpper(Parts& parts, const RenamePlan& plan) {
  if (plan.exchange) return MoveIn(plan, RENAME_EXCHANGE);
  if (plan.target_is_whiteout) {
    if (plan.leave_whiteout) return MoveIn(plan, RENAME_EXCHANGE);  // R5
    if (!plan.from.inode->is_dir()) return MoveIn(plan, 0);         // R6
    PLY_CHECK(MoveIn(plan, RENAME_EXCHANGE));                       // R7
    return sys::UnlinkAt(plan.from.upper->get(), plan.from.name.str().c_str());
  }
  if (plan.target_in_upper && plan.to.inode->is_dir()) {
    // Its whiteouts would keep rename(2) from replacing it (R11).
    PLY_CHECK(ClearUpperDir(parts, plan.to.upper->get(), plan.to.name));
  }
  if (plan.leave_whiteout) return MoveLeavingWhiteout(parts, plan);  // R4
  return MoveIn(plan, plan.target_in_upper ? 0 : RENAME_NOREPLACE);  // R3
}

// `end.inode` is now at `there`.
void PublishMoved(Parts& parts, const RenameEnd& end, const RenameEnd& there) {
  there.dir->ChangeListing([&](MergedDir& listing) {
    listing.Insert(there.name.bytes(), DirentTypeOf(end.inode->type()), end.inode->st_ino());
  });
  if (end.inode->is_dir()) {
    end.inode->SetOnlyName(there.dir, there.name.bytes());
  } else {
    end.inode->AddName(there.dir, there.name.bytes());
  }
  parts.tree.dentries.SetPresent(there.dir->id(), there.name, end.inode->id());
  end.inode->DropAttr();
  there.dir->DropAttr();
}

void Publish(Parts& parts, const RenamePlan& plan) {
  const auto& [from, to] = std::tie(plan.from, plan.to);
  if (plan.exchange) {
    if (!from.inode->is_dir()) from.inode->RemoveName(*from.dir, from.name.bytes());
    if (!to.inode->is_dir()) to.inode->RemoveName(*to.dir, to.name.bytes());
    PublishMoved(parts, from, to);
    PublishMoved(parts, to, from);
    return;
  }
  if (to.inode) PublishRemoved(parts, to.dir, to.name, to.inode);
  PublishMoved(parts, from, to);
  from.dir->ChangeListing([&](MergedDir& listing) { listing.Remove(from.name.bytes()); });
  parts.tree.dentries.SetAbsent(from.dir->id(), from.name);
  if (!from.inode->is_dir()) from.inode->RemoveName(*from.dir, from.name.bytes());
  from.dir->DropAttr();
}

}  // namespace

Status Rename(Parts& parts, NodeId parent, Name name, NodeId new_parent, Name new_name, uint32_t flags) {
  if (flags & ~static_cast<uint32_t>(RENAME_NOREPLACE | RENAME_EXCHANGE)) return Errno(EINVAL);  // R2
  bool no_replace = flags & RENAME_NOREPLACE;
  bool exchange = flags & RENAME_EXCHANGE;
  if (no_replace && exchange) return Errno(EINVAL);
  if (!parts.writable()) return Errno(EROFS);
  PLY_TRY(InodeRef from_dir, FindDir(parts, parent));
  PLY_TRY(InodeRef to_dir, FindDir(parts, new_parent));
  RenamePlan plan{RenameEnd{from_dir, name, {}, {}}, RenameEnd{to_dir, new_name, {}, {}}, exchange, {}};
  PLY_CHECK(CheckRename(parts, &plan, no_replace));
  if (plan.from.inode == plan.to.inode) return OkStatus();  // R14
  PLY_CHECK(PrepareRename(parts, &plan, no_replace));
  if (exchange) {
    PLY_CHECK(RecordMove(parts, plan.to, plan.from));
  } else if (plan.to.inode && plan.target_in_upper) {
    PLY_CHECK(PrepareToLose(parts, plan.to.inode, plan.to.dir, plan.to.upper->get(), plan.to.name));
  }
  PLY_CHECK(RecordMove(parts, plan.from, plan.to));
  PLY_CHECK(ActOnUpper(parts, plan));
  Publish(parts, plan);
  return OkStatus();
}

}  // namespace plyfs::ops
