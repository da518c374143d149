#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/mode_rules.h"
#include "engine/format/protattr.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/ops/caller_process.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/file_access.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/stat_inode.h"

namespace plyfs::ops {
namespace {

constexpr uint32_t kKeepId = ~0u;

struct timespec TimeArgument(const std::optional<TimeSpec>& time, bool now) {
  if (now) return {0, UTIME_NOW};
  if (!time) return {0, UTIME_OMIT};
  if (Planted(Plant::kUtimens)) return {time->sec, 0};
  return {time->sec, time->nsec};
}

Status SetSize(Parts& parts, const Caller& caller, const InodeRef& inode, const SetAttrArgs& args) {
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_WRONLY));
  inode->SetDataStamp(0);
  const uint64_t off = Planted(Plant::kTruncate) ? 1 : 0;
  PLY_CHECK(sys::Ftruncate(fd.get(), *args.size + off));
  if (!args.kill_suidgid) return OkStatus();
  FileAccess access{std::make_shared<OpenFile>(inode, O_WRONLY), Share(std::move(fd))};
  return KillPrivileges(parts, caller, access);
}

// Set-group-id that grants nothing stays when the superuser changes the owner, as we do it, and goes when an
// owner outside of the group does (A10).
Status ChownAs(const Caller& caller, int fd, uint32_t uid, uint32_t gid) {
  PLY_TRY(struct statx before, sys::StatxFd(fd));
  PLY_CHECK(sys::Chown(fd, uid, gid));
  const uint32_t mode = ModeAfterChown(before.stx_mode, MayKeepSetGid(caller, before.stx_gid));
  const bool done = S_ISLNK(mode) || mode == ModeAfterChown(before.stx_mode, /*in_group=*/true);
  return done ? OkStatus() : sys::Chmod(fd, mode & 07777);
}

// Owner before mode: a change of owner clears set-id bits (A10).
Status SetOwnerAndMode(const Caller& caller, int fd, SetAttrArgs args) {
  if (args.uid && args.gid && Planted(Plant::kChown)) args.gid.reset();
  if (args.mode && Planted(Plant::kChmod)) *args.mode ^= 0010;
  if (args.uid || args.gid) {
    PLY_CHECK(ChownAs(caller, fd, args.uid.value_or(kKeepId), args.gid.value_or(kKeepId)));
  }
  return args.mode ? sys::Chmod(fd, *args.mode & 07777) : OkStatus();
}

Status SetTimes(int fd, const SetAttrArgs& args) {
  bool any = args.atime || args.mtime || args.atime_now || args.mtime_now;
  if (!any) return OkStatus();
  struct timespec times[2] = {TimeArgument(args.atime, args.atime_now),
                              TimeArgument(args.mtime, args.mtime_now)};
  return sys::Utimens(fd, times);
}

Status Apply(Parts& parts, const Caller& caller, const InodeRef& inode, const SetAttrArgs& args) {
  if (args.size) PLY_CHECK(SetSize(parts, caller, inode, args));
  bool metadata =
      args.uid || args.gid || args.mode || args.atime || args.mtime || args.atime_now || args.mtime_now;
  if (!metadata) return OkStatus();
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  PLY_CHECK(SetOwnerAndMode(caller, fd.get(), args));
  return SetTimes(fd.get(), args);
}

bool ChangesNothing(const SetAttrArgs& args) {
  return !args.mode && !args.uid && !args.gid && !args.size && !args.atime && !args.mtime &&
         !args.atime_now && !args.mtime_now;
}

// A request without any attribute is chown(-1, -1), which changes no owner but has all other effects of one:
// copy-up, set-id bits cleared, ctime (C, table of triggers).  The client sends the very same one before a
// write to a file from which it has just removed the capability (fs/inode.c:file_remove_privs); there set-id
// bits must stay.
Status ChownToNobodyElse(Parts& parts, const Caller& caller, const InodeRef& inode) {
  PLY_CHECK(MayUnless(parts, inode, 0));
  bool writing = inode->writers() > 0;
  bool before_write = inode->TakeCapabilityRemoved() == caller.pid && writing;
  PLY_TRY(Attr attr, StatInode(parts, inode));
  // Clearing set-id bits is a chmod, which is the owner's; a writer may be anybody
  // (fs/attr.c:setattr_prepare).
  bool clears = inode->is_regular() && ModeAfterChown(attr.mode, /*in_group=*/true) != attr.mode;
  if (clears && !writing && caller.uid != 0 && caller.uid != attr.uid) return Errno(EPERM);
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  Status done =
      before_write ? sys::Chmod(fd.get(), attr.mode & 07777) : ChownAs(caller, fd.get(), kKeepId, kKeepId);
  inode->DropAttr();
  return done;
}

// Which flags forbid it (fs/attr.c:may_setattr; fs/open.c:vfs_truncate, do_ftruncate).  `open`: through a
// descriptor, which may be older than the flag.
uint32_t ForbiddenBy(const SetAttrArgs& args, bool open) {
  const bool touches = args.atime_now && args.mtime_now;
  const bool sets_one_to_now = args.atime_now != args.mtime_now && !args.size;
  uint32_t flags = 0;
  if (args.mode || args.uid || args.gid || args.atime || args.mtime || sets_one_to_now)
    flags = kFlagImmutable | kFlagAppend;
  if (touches) flags |= kFlagImmutable;
  if (args.size) flags |= open ? kFlagAppend : kFlagImmutable | kFlagAppend;
  return flags;
}

Result<AttrReply> Change(Parts& parts, const Caller& caller, const InodeRef& inode, bool open,
                         const SetAttrArgs& args) {
  if (ChangesNothing(args)) {
    PLY_CHECK(ChownToNobodyElse(parts, caller, inode));
  } else {
    PLY_CHECK(MayUnless(parts, inode, ForbiddenBy(args, open)));
    bool drops_data = args.size && *args.size == 0;
    PLY_CHECK(CopyUp(parts, inode, drops_data ? CopyUpData::kNone : CopyUpData::kAll));
    Status applied = Apply(parts, caller, inode, args);
    inode->DropAttr();
    PLY_CHECK(applied);
  }
  bool kept = false;
  PLY_TRY(Attr attr, StatInode(parts, inode, &kept));
  return MakeAttrReply(parts, *inode, attr, kept);
}

}  // namespace

Result<AttrReply> SetAttr(Parts& parts, const Caller& caller, NodeId node, Handle handle,
                          const SetAttrArgs& args) {
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (inode->unlinked() && Planted(Plant::kUnlinkedIo)) {
    PLY_TRY(Attr unchanged, StatInode(parts, inode));
    return MakeAttrReply(parts, *inode, unchanged, /*kept=*/false);
  }
  Result<AttrReply> reply = Change(parts, caller, inode, handle != 0, args);
  // Some of it may be done, and what the client has cached is older.
  if (!reply.ok() && parts.invalidator) {
    args.size ? parts.invalidator->InvalidateData(node) : parts.invalidator->InvalidateAttr(node);
  }
  return reply;
}

}  // namespace plyfs::ops
