#include "engine/ops/dir_view.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Status ReadDir(Parts& parts, Handle handle, Cookie from, const DirSink& sink) {
  std::shared_ptr<plyfs::OpenDir> dir = parts.dirs.Find(handle);
  if (!dir) return Errno(EBADF);
  return VisitListing(parts, *dir, from, [&](const DirEntry& entry) -> Result<bool> { return sink(entry); });
}

}  // namespace plyfs::ops
