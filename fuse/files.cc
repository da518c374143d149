// Open files: open, create, read, write and what else works on a file's data.
#include <algorithm>

#include "fuse/handlers.h"

namespace plyfs::fuse {
namespace {

Status PutCreated(Exchange& x, const Result<Created>& created) {
  if (!created) return created.status();
  x.Put(wire::CreateOut{x.encoder().Entry(created->entry), Encoder::Open(created->opened)});
  return OkStatus();
}

Result<size_t> CopyRange(Exchange& x, uint64_t most) {
  PLY_TRY(const auto args, x.in.Fixed<wire::CopyFileRangeIn>());
  if (args.flags != 0) return Errno(EINVAL);
  return x.fs().CopyFileRange(x.caller(), x.node(), args.fh_in, args.off_in, args.nodeid_out, args.fh_out,
                              args.off_out, std::min(args.len, most));
}

}  // namespace

Status HandleOpen(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::OpenIn>());
  const bool kill = (args.open_flags & wire::kOpenKillSuidGid) != 0;
  PLY_TRY(const auto opened, x.fs().Open(x.caller(), x.node(), args.flags, kill));
  x.Put(Encoder::Open(opened));
  return OkStatus();
}

Status HandleCreate(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::CreateIn>());
  PLY_TRY(const Name name, x.in.Component());
  return PutCreated(x, x.fs().Create(x.caller(args.umask), x.node(), name, args.mode, args.flags));
}

Status HandleTmpFile(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::CreateIn>());
  PLY_CHECK(x.in.String());  // a placeholder of the VFS ("/"; fs/fuse/dir.c:fuse_tmpfile)
  return PutCreated(x, x.fs().TmpFile(x.caller(args.umask), x.node(), args.mode, args.flags));
}

Status HandleRead(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::ReadIn>());
  PLY_TRY(const size_t size, x.fs().Read(x.node(), args.fh, args.offset, x.Room(args.size)));
  x.Commit(size);
  return OkStatus();
}

Status HandleWrite(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::WriteIn>());
  PLY_TRY(const auto data, x.in.Bytes(args.size));
  WriteFlags flags;
  flags.open_flags = args.flags;
  flags.kill_suidgid = (args.write_flags & wire::kWriteKillSuidGid) != 0;
  flags.from_cache = (args.write_flags & wire::kWriteFromCache) != 0;
  PLY_TRY(const size_t size, x.fs().Write(x.caller(), x.node(), args.fh, args.offset, data, flags));
  x.Put(wire::SizeOut{static_cast<uint32_t>(size), 0});
  return OkStatus();
}

Status HandleRelease(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::ReleaseIn>());
  x.fs().Release(x.node(), args.fh);
  return OkStatus();
}

Status HandleFsync(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::FsyncIn>());
  return x.fs().Fsync(x.node(), args.fh, (args.fsync_flags & wire::kFsyncDataOnly) != 0);
}

Status HandleFallocate(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::FallocateIn>());
  return x.fs().Fallocate(x.caller(), x.node(), args.fh, args.mode, args.offset, args.length);
}

Status HandleLseek(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::LseekIn>());
  PLY_TRY(const uint64_t offset, x.fs().Seek(x.node(), args.fh, args.offset, static_cast<int>(args.whence)));
  x.Put(wire::LseekOut{offset});
  return OkStatus();
}

Status HandleCopyFileRange(Exchange& x) {
  // The old reply has 32 bits for the count; a short copy is asked for again.
  constexpr uint64_t kMost = UINT32_MAX & ~uint64_t{4095};
  PLY_TRY(const size_t size, CopyRange(x, kMost));
  x.Put(wire::SizeOut{static_cast<uint32_t>(size), 0});
  return OkStatus();
}

Status HandleCopyFileRange64(Exchange& x) {
  PLY_TRY(const size_t size, CopyRange(x, UINT64_MAX));
  x.Put(wire::CopyFileRangeOut{size});
  return OkStatus();
}

void ForgetCreated(Exchange& x) {
  const auto created = x.ReplyAs<wire::CreateOut>();
  x.fs().Release(created.entry.nodeid, created.open.fh);
  x.fs().Forget(created.entry.nodeid, 1);
}

void CloseOpened(Exchange& x) {
  x.fs().Release(x.node(), x.ReplyAs<wire::OpenOut>().fh);
}

}  // namespace plyfs::fuse
