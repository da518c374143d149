#include <fcntl.h>

#include "engine/io/sys_dir.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/new_object.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<Entry> Link(Parts& parts, NodeId node, NodeId new_parent, Name new_name) {
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (inode->is_dir()) return Errno(EPERM);
  PLY_TRY(InodeRef dir, FindDir(parts, new_parent));
  PLY_CHECK(MayChange(parts, inode));
  PLY_TRY(FreeName place, TakeFreeName(parts, dir, new_name));
  // The object's own copy-up may need this directory's state, so it comes before; the name is then taken anew.
  if (!inode->is_upper()) {
    place.hold = Exclusion::Hold();
    PLY_CHECK(CopyUp(parts, inode));
    PLY_TRY(place, TakeFreeName(parts, dir, new_name));
  }
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  PLY_TRY(auto origin, parts.records.Get(fd.get(), Record::kOrigin));
  if (origin) PLY_CHECK(MarkImpure(parts, place.upper->get()));
  if (place.whiteout) {
    std::string temp = parts.work->TempName();
    PLY_CHECK(sys::LinkFd(fd.get(), parts.work->fd(), temp.c_str()));
    Status moved = MoveIntoPlace(parts, place, new_name, temp, /*is_dir=*/false);
    if (!moved.ok()) {
      parts.work->Discard(temp);
      return moved.status();
    }
  } else {
    PLY_CHECK(sys::LinkFd(fd.get(), place.upper->get(), new_name.str().c_str()));
  }
  // A nameless object has a name again (N18).
  inode->ClearUnlinked();
  return PublishNew(parts, place, new_name);
}

}  // namespace plyfs::ops
