#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/file_access.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/ops.h"
#include "engine/ops/orphan.h"
#include "engine/ops/stat_inode.h"

namespace plyfs::ops {

Result<Created> TmpFile(Parts& parts, const Caller& caller, NodeId parent, uint32_t mode, uint32_t flags) {
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  PLY_CHECK(MayAddTo(parts, dir));
  // It could not be kept by a link (orphan.h).
  if ((flags & O_EXCL) != 0 && PinsAreSpent(parts)) return Errno(ENFILE);
  PLY_CHECK(CopyUp(parts, dir));
  PLY_TRY(SharedFd upper, UpperDir(parts, dir));
  int own_flags =
      BackingFlags(parts, flags) | static_cast<int>(flags & O_EXCL);  // O_EXCL: never to be linked
  UniqueFd fd;
  {
    // In the directory itself, so that the filesystem applies set-group-id and default ACL.
    PLY_CHECK(sys::ThreadUmask(caller.umask));
    sys::ScopedFsIds ids(caller.uid, caller.gid);
    PLY_CHECK(ids.status());
    if (Planted(Plant::kTmpfile)) mode ^= 0040;
    PLY_TRY(fd, sys::OpenBeneath(upper->get(), ".", own_flags | O_TMPFILE, mode & 07777));
  }
  PLY_TRY(struct statx st, sys::StatxFd(fd.get()));
  PLY_TRY(UniqueFd pin, sys::Reopen(fd.get(), O_PATH));
  InodeInit init;
  init.type = S_IFREG;
  init.upper = ObjectIdOf(st);
  init.st_ino = MapIno(parts, init.upper);
  InodeRef inode = parts.tree.inodes.Intern(ObjectIdOf(st), std::move(init));
  inode->MarkUnlinked();
  PLY_CHECK(KeepAlive(parts, *inode, std::move(pin)));
  parts.tree.inodes.AddLookup(*inode);
  uint32_t ttl = parts.tree.AttrTtl(*inode, /*kept=*/true);
  Entry entry{inode->id(), PresentAttr(parts, inode, st), ttl, ttl};
  Opened opened;
  opened.handle =
      AddOpenFile(parts, inode, flags & ~static_cast<uint32_t>(O_TMPFILE), std::move(fd), /*on_upper=*/true);
  return Created{entry, opened};
}

}  // namespace plyfs::ops
