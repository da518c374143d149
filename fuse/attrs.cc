// Attributes: getattr, statx, setattr, readlink.
#include "fuse/handlers.h"

namespace plyfs::fuse {
namespace {

TimeSpec Time(uint64_t sec, uint32_t nsec) {
  return {static_cast<int64_t>(sec), nsec};
}

Result<SetAttrArgs> DecodeSetAttr(const wire::SetAttrIn& in, const IdMaps& ids) {
  const auto given = [&](uint32_t bit) { return (in.valid & bit) != 0; };
  SetAttrArgs args;
  if (given(wire::kSetMode)) args.mode = in.mode & 07777;
  if (given(wire::kSetUid)) {
    PLY_TRY(args.uid, ids.uid.Disk(in.uid));
  }
  if (given(wire::kSetGid)) {
    PLY_TRY(args.gid, ids.gid.Disk(in.gid));
  }
  if (given(wire::kSetSize)) args.size = in.size;
  args.atime_now = given(wire::kSetAtimeNow);
  args.mtime_now = given(wire::kSetMtimeNow);
  if (given(wire::kSetAtime) && !args.atime_now) args.atime = Time(in.atime, in.atimensec);
  if (given(wire::kSetMtime) && !args.mtime_now) args.mtime = Time(in.mtime, in.mtimensec);
  if (given(wire::kSetCtime)) args.ctime = Time(in.ctime, in.ctimensec);
  args.kill_suidgid = given(wire::kSetKillSuidGid);
  return args;
}

// Under squash_to_* an owner that cannot be stored is not the client's business: all owners look alike to it
// (drop-in.md 1.2).
bool DropSquashedOwners(const IdMaps& ids, SetAttrArgs* args) {
  bool dropped = false;
  if (ids.uid.squashes() && args->uid) args->uid.reset(), dropped = true;
  if (ids.gid.squashes() && args->gid) args->gid.reset(), dropped = true;
  return dropped;
}

Result<AttrReply> GetAttr(Exchange& x, uint32_t flags, uint64_t fh) {
  return x.fs().GetAttr(x.caller(), x.node(), (flags & wire::kGetAttrHandle) != 0 ? fh : 0);
}

}  // namespace

Status HandleGetAttr(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::GetAttrIn>());
  PLY_TRY(const auto reply, GetAttr(x, args.getattr_flags, args.fh));
  x.Put(x.encoder().Attr(reply));
  return OkStatus();
}

Status HandleStatx(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::StatxIn>());
  PLY_TRY(const auto reply, GetAttr(x, args.getattr_flags, args.fh));
  x.Put(x.encoder().Statx(reply));
  return OkStatus();
}

Status HandleSetAttr(Exchange& x) {
  PLY_TRY(const auto in, x.in.Fixed<wire::SetAttrIn>());
  PLY_TRY(SetAttrArgs args, DecodeSetAttr(in, x.ids()));
  const Handle handle = (in.valid & wire::kSetHandle) != 0 ? in.fh : 0;
  Result<AttrReply> reply = x.fs().SetAttr(x.caller(), x.node(), handle, args);
  const int error = reply.error();
  if ((error == EPERM || error == EINVAL || error == EOVERFLOW) && DropSquashedOwners(x.ids(), &args)) {
    reply = x.fs().SetAttr(x.caller(), x.node(), handle, args);
  }
  if (!reply) return reply.status();
  x.Put(x.encoder().Attr(*reply));
  return OkStatus();
}

Status HandleReadLink(Exchange& x) {
  PLY_TRY(const auto target, x.fs().ReadLink(x.caller(), x.node()));
  x.PutBytes(target);
  return OkStatus();
}

}  // namespace plyfs::fuse
