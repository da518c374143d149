#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/ops/file_access.h"
#include "engine/ops/locate.h"
#include "engine/ops/name_change.h"
#include "engine/ops/new_object.h"
#include "engine/ops/ops.h"
#include "engine/ops/resolve.h"
#include "engine/ops/stat_inode.h"

namespace plyfs::ops {
namespace {

// The name came to be since the client looked: without O_EXCL it is opened as any file (open(2)).
Result<Created> OpenExisting(Parts& parts, const Caller& caller, const InodeRef& dir, Name name,
                             const InodeRef& inode, uint32_t flags) {
  if (flags & O_EXCL) return Errno(EEXIST);
  if (inode->is_dir()) return Errno(EISDIR);
  // The client follows symlinks and opens special files itself, once it has looked again.
  if (!inode->is_regular()) return Errno(ESTALE);
  PLY_TRY(Opened opened, Open(parts, caller, inode->id(), flags, /*kill_suidgid=*/false));
  bool kept = false;
  Result<Attr> attr = StatInode(parts, inode, &kept);
  if (!attr.ok()) {
    Release(parts, opened.handle);
    return attr.status();
  }
  parts.tree.inodes.AddLookup(*inode);
  return Created{MakeEntry(parts, *dir, name, *inode, *attr, kept), opened};
}

Result<Created> MakeAndOpen(Parts& parts, const Caller& caller, const InodeRef& dir, Name name, uint32_t mode,
                            uint32_t flags) {
  PLY_TRY(FreeName place, TakeFreeName(parts, dir, name));
  UniqueFd fd;
  NewObject object;
  object.type = S_IFREG;
  object.mode = mode & 07777;
  if (Planted(Plant::kCreate)) object.mode &= ~0004u;
  object.make = [&](int at, const char* as, uint32_t permissions) -> Status {
    PLY_TRY(fd, sys::OpenBeneath(at, as, BackingFlags(parts, flags) | O_CREAT | O_EXCL, permissions));
    return OkStatus();
  };
  PLY_CHECK(PlaceNew(parts, caller, place, name, object));
  Result<struct statx> st = sys::StatxFd(fd.get());
  if (!st.ok()) {
    ForgetName(parts, dir, name);
    return st.status();
  }
  InodeRef inode;
  Entry entry = PublishNew(parts, place, name, *st, &inode);
  inode->SetProtection(0);  // nobody can have given it any
  Opened opened;
  opened.handle = AddOpenFile(parts, inode, flags, std::move(fd), /*on_upper=*/true);
  return Created{entry, opened};
}

}  // namespace

Result<Created> Create(Parts& parts, const Caller& caller, NodeId parent, Name name, uint32_t mode,
                       uint32_t flags) {
  PLY_TRY(InodeRef dir, FindDir(parts, parent));
  if (!dir->unlinked()) {
    PLY_TRY(InodeRef there, Resolve(parts, dir, name));
    if (there) return OpenExisting(parts, caller, dir, name, there, flags);
  }
  Result<Created> made = MakeAndOpen(parts, caller, dir, name, mode, flags);
  if (made.error() != EEXIST) return made;
  PLY_TRY(InodeRef there, ResolvePresent(parts, dir, name));
  return OpenExisting(parts, caller, dir, name, there, flags);
}

}  // namespace plyfs::ops
