#include "engine/ops/file_access.h"

#include <fcntl.h>

#include "absl/hash/hash.h"
#include "engine/format/mode_rules.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/ops/caller_process.h"
#include "engine/ops/locate.h"

namespace plyfs {
namespace {

// A handle opened on a lower file changes over to the upper one when that has come to be (C19).
uint64_t FdKey(Handle handle, bool on_upper) {
  return handle * 2 + (on_upper ? 1 : 0);
}

uint64_t DataStamp(uint64_t size, int64_t sec, uint32_t nsec) {
  return absl::HashOf(size, sec, nsec) | 1;
}

}  // namespace

int BackingFlags(const Parts& parts, uint32_t flags) {
  int kept = O_ACCMODE | O_DIRECT | O_NOATIME;
  if (parts.config.fsync != FsyncPolicy::kVolatile) kept |= O_SYNC | O_DSYNC;
  return static_cast<int>(flags) & kept;
}

Result<UniqueFd> OpenBacking(Parts& parts, const InodeRef& inode, uint32_t flags) {
  const int backing = BackingFlags(parts, flags);
  Result<UniqueFd> data = OpenData(parts, inode, backing);
  if (data.error() == EPERM && (flags & O_APPEND) != 0) return OpenData(parts, inode, backing | O_APPEND);
  return data;
}

Result<bool> CacheStillTrue(Inode& inode, int fd) {
  PLY_TRY(struct statx st, sys::StatxFd(fd));
  uint64_t stamp = DataStamp(st.stx_size, st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec);
  bool same = inode.data_stamp() == stamp;
  inode.SetDataStamp(stamp);
  return same;
}

void TakeBackPages(Parts& parts, Inode& inode, const Attr& attr) {
  if (inode.opens() == 0 || inode.data().exists() || !parts.invalidator) return;
  const uint64_t known = inode.data_stamp();
  const uint64_t stamp = DataStamp(attr.size, attr.mtime.sec, attr.mtime.nsec);
  if (known == stamp || known == kPagesDiffer) return;
  inode.SetDataStamp(stamp);
  parts.invalidator->InvalidateData(inode.id());
}

Handle AddOpenFile(Parts& parts, const InodeRef& inode, uint32_t flags, UniqueFd fd, bool on_upper) {
  Handle handle = parts.files.Add(inode, flags);
  parts.file_fds.Put(FdKey(handle, on_upper), Share(std::move(fd)));
  return handle;
}

void RemoveOpenFile(Parts& parts, Handle handle) {
  parts.file_fds.Erase(FdKey(handle, false));
  parts.file_fds.Erase(FdKey(handle, true));
  parts.files.Remove(handle);
}

Result<FileAccess> AccessFile(Parts& parts, Handle handle) {
  FileAccess access;
  access.file = parts.files.Find(handle);
  if (!access.file) return Errno(EBADF);
  // Asked before the file is opened: what is opened on the lower one meanwhile is never found again once the
  // answer has changed.
  bool on_upper = access.inode().is_upper();
  access.fd = parts.file_fds.Find(FdKey(handle, on_upper));
  if (access.fd) return access;
  PLY_TRY(UniqueFd fd, OpenBacking(parts, access.file->inode, access.file->flags));
  access.fd = Share(std::move(fd));
  parts.file_fds.Put(FdKey(handle, on_upper), access.fd);
  if (on_upper) parts.file_fds.Erase(FdKey(handle, false));
  return access;
}

Result<FileAccess> AccessForWrite(Parts& parts, Handle handle) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  if ((access.file->flags & O_ACCMODE) == O_RDONLY) return Errno(EBADF);
  access.file->wrote.store(true, std::memory_order_relaxed);
  return access;
}

Status KillPrivileges(Parts& parts, const Caller& caller, const FileAccess& access, uint64_t offset) {
  PLY_TRY(struct statx st, sys::StatxFd(access.get()));
  if ((st.stx_mode & (S_ISUID | S_ISGID)) == 0) return OkStatus();
  bool in_group = caller.gid == st.stx_gid || ProcessInGroup(caller.pid, st.stx_gid);
  uint32_t mode = ModeAfterWrite(st.stx_mode, in_group);
  if (mode == st.stx_mode) return OkStatus();
  // What the filesystem refuses for its offset changes nothing (fs/read_write.c:generic_write_check_limits).
  if (sys::Lseek(access.get(), static_cast<int64_t>(offset), SEEK_SET).error() == EINVAL) return Errno(EFBIG);
  PLY_CHECK(sys::Chmod(access.get(), mode & 07777));
  access.inode().DropAttr();
  if (parts.invalidator) parts.invalidator->InvalidateAttr(access.inode().id());
  return OkStatus();
}

}  // namespace plyfs
