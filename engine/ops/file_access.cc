#include "engine/ops/file_access.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/hash/hash.h"
#include "engine/format/mode_rules.h"
#include "engine/io/sys_owner.h"
#include "engine/io/sys_stat.h"
#include "engine/ops/locate.h"

namespace plyfs {
namespace {

// The supplementary groups of a process; the request carries only one group.
bool InGroups(pid_t pid, gid_t gid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/status", pid);
  std::unique_ptr<FILE, int (*)(FILE*)> status(std::fopen(path, "re"), std::fclose);
  if (!status) return false;
  char line[16384];
  while (std::fgets(line, sizeof line, status.get())) {
    if (std::strncmp(line, "Groups:", 7) != 0) continue;
    for (char* at = line + 7; *at;) {
      char* end = at;
      unsigned long group = std::strtoul(at, &end, 10);
      if (end == at) break;
      if (group == gid) return true;
      at = end;
    }
  }
  return false;
}

}  // namespace

int BackingFlags(const Parts& parts, uint32_t flags) {
  int kept = O_ACCMODE | O_DIRECT;
  if (parts.config.fsync != FsyncPolicy::kVolatile) kept |= O_SYNC | O_DSYNC;
  return static_cast<int>(flags) & kept;
}

Result<bool> CacheStillTrue(Inode& inode, int fd) {
  PLY_TRY(struct statx st, sys::StatxFd(fd));
  uint64_t stamp = absl::HashOf(st.stx_size, st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec) | 1;
  bool same = inode.data_stamp() == stamp;
  inode.SetDataStamp(stamp);
  return same;
}

Handle AddOpenFile(Parts& parts, const InodeRef& inode, uint32_t flags, UniqueFd fd) {
  bool on_upper = inode->is_upper();
  Handle handle = parts.files.Add(inode, flags);
  parts.files.Find(handle)->on_upper.store(on_upper, std::memory_order_relaxed);
  parts.file_fds.Put(handle, Share(std::move(fd)));
  return handle;
}

Result<FileAccess> AccessFile(Parts& parts, Handle handle) {
  FileAccess access;
  access.file = parts.files.Find(handle);
  if (!access.file) return Errno(EBADF);
  bool upper_now = access.inode().is_upper();
  if (access.file->on_upper.load(std::memory_order_acquire) == upper_now) {
    access.fd = parts.file_fds.Find(handle);
    if (access.fd) return access;
  }
  PLY_TRY(UniqueFd fd, OpenData(parts, access.file->inode, BackingFlags(parts, access.file->flags)));
  access.fd = Share(std::move(fd));
  parts.file_fds.Put(handle, access.fd);
  access.file->on_upper.store(upper_now, std::memory_order_release);
  return access;
}

Result<FileAccess> AccessForWrite(Parts& parts, Handle handle) {
  PLY_TRY(FileAccess access, AccessFile(parts, handle));
  if ((access.file->flags & O_ACCMODE) == O_RDONLY) return Errno(EBADF);
  return access;
}

Status KillPrivileges(Parts& parts, const Caller& caller, const FileAccess& access) {
  PLY_TRY(struct statx st, sys::StatxFd(access.get()));
  if ((st.stx_mode & (S_ISUID | S_ISGID)) == 0) return OkStatus();
  bool in_group = caller.gid == st.stx_gid || InGroups(caller.pid, st.stx_gid);
  uint32_t mode = ModeAfterWrite(st.stx_mode, in_group);
  if (mode == st.stx_mode) return OkStatus();
  PLY_CHECK(sys::Chmod(access.get(), mode & 07777));
  access.inode().DropAttr();
  if (parts.invalidator) parts.invalidator->InvalidateAttr(access.inode().id());
  return OkStatus();
}

}  // namespace plyfs
