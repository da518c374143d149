#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/io/sys_dir.h"
#include "engine/ops/copy_up.h"
#include "engine/ops/guard.h"
#include "engine/ops/locate.h"
#include "engine/ops/new_object.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {
namespace {

Status PutLink(Parts& parts, const FreeName& place, Name name, int fd) {
  if (!place.whiteout) return sys::LinkFd(fd, place.upper->get(), name.str().c_str());
  WorkTemp temp(*parts.work);
  PLY_CHECK(sys::LinkFd(fd, temp.dir(), temp.name()));
  return MoveIntoPlace(place, name, std::move(temp), /*is_dir=*/false);
}

}  // namespace

Result<Entry> Link(Parts& parts, NodeId node, NodeId new_parent, Name new_name) {
  PLY_TRY(InodeRef inode, FindNode(parts, node));
  if (inode->is_dir()) return Errno(EPERM);
  PLY_TRY(InodeRef dir, FindDir(parts, new_parent));
  PLY_CHECK(MayChange(parts, inode));
  PLY_CHECK(CheckFreeName(parts, dir, new_name));
  // Before the name is taken: the object may lie in the same directory.
  PLY_CHECK(CopyUp(parts, inode));
  PLY_TRY(FreeName place, TakeFreeName(parts, dir, new_name));
  PLY_CHECK(LookAtUpper(parts, place, new_name));
  PLY_TRY(UniqueFd fd, OpenUpper(parts, inode, O_PATH));
  PLY_TRY(auto origin, parts.records.Get(fd.get(), Record::kOrigin));
  Status linked = origin && !Planted(Plant::kLink) ? MarkImpure(parts, place.upper->get()) : OkStatus();
  if (linked.ok()) linked = PutLink(parts, place, new_name, fd.get());
  inode->DropAttr();  // its links and its ctime
  const bool nameless = inode->unlinked();
  Result<Entry> entry = linked.ok() ? PublishNamed(parts, place, new_name) : Result<Entry>(linked.status());
  // What the client knows of the object's other names is older, whatever came of it.
  if (!entry.ok()) place.dir->DropAttr();  // the mark may have moved its ctime
  if (!entry.ok() && parts.invalidator) {
    parts.invalidator->InvalidateAttr(inode->id());
    parts.invalidator->InvalidateAttr(place.dir->id());
  }
  if (entry.ok() && nameless && Planted(Plant::kLinkat)) entry->attr.nlink = 0;
  return entry;
}

}  // namespace plyfs::ops
