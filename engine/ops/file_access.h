// FileAccess: the descriptor behind an open handle.
//
// Any thread.  Descriptors are cached under the budget (Parts::file_fds) and opened again when they were
// evicted, or when the file was copied up since: a handle opened on the lower file reads the upper one from
// then on (C19; fs/overlayfs/file.c:ovl_real_file).
#ifndef PLYFS_ENGINE_OPS_FILE_ACCESS_H_
#define PLYFS_ENGINE_OPS_FILE_ACCESS_H_

#include "engine/ops/parts.h"

namespace plyfs {

struct FileAccess {
  std::shared_ptr<OpenFile> file;
  SharedFd fd;
  Inode& inode() const { return *file->inode; }
  int get() const { return fd->get(); }
};

// EBADF: no such handle.  ESTALE: the object is gone.
Result<FileAccess> AccessFile(Parts& parts, Handle handle);
// EBADF also for a handle not open for writing.  The handle counts as written through from now on.
Result<FileAccess> AccessForWrite(Parts& parts, Handle handle);

// Registers an open file whose descriptor is at hand; `on_upper` is what inode.is_upper() said before that
// was opened.
Handle AddOpenFile(Parts& parts, const InodeRef& inode, uint32_t flags, UniqueFd fd, bool on_upper);
void RemoveOpenFile(Parts& parts, Handle handle);

// The flags with which a handle's own descriptor is opened: access mode, O_DIRECT, O_NOATIME, O_SYNC and
// O_DSYNC of the client's, the latter two not on a volatile mount (M29).
int BackingFlags(const Parts& parts, uint32_t flags);

// What a handle reads and writes, opened so.  To append to a file that its own filesystem takes for
// append-only, as kernels before 5.15 left them in upper, also with O_APPEND: nothing else opens it.
Result<UniqueFd> OpenBacking(Parts& parts, const InodeRef& inode, uint32_t flags);

// A data stamp that no file has: the client has pages that are not on disk.  Only an open takes it back.
inline constexpr uint64_t kPagesDiffer = 2;

// The client's cached pages of the file are still what is on disk, as far as size and time of modification
// tell; remembers the present ones.
Result<bool> CacheStillTrue(Inode& inode, int fd);
// The same for who has the file open, where nobody tells of stores and the client asks for the attributes
// again instead: what is not true any more is taken back from it (U2).
void TakeBackPages(Parts& parts, Inode& inode, const Attr& attr);

// A caller without CAP_FSETID changed the data: set-id bits go (A11).  Capabilities are removed by the upper
// filesystem itself.  EFBIG: no data can be at `offset`.
Status KillPrivileges(Parts& parts, const Caller& caller, const FileAccess& access, uint64_t offset = 0);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_FILE_ACCESS_H_
