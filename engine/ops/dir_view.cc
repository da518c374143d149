#include "engine/ops/dir_view.h"

#include <dirent.h>
#include <fcntl.h>

#include <ctime>

#include "engine/base/planted.h"
#include "engine/io/sys_dir.h"
#include "engine/ops/load_listing.h"
#include "engine/ops/locate.h"
#include "engine/ops/stat_inode.h"

namespace plyfs {
namespace {

constexpr Cookie kAfterDot = 1;
constexpr Cookie kAfterDotDot = 2;

struct View {
  std::shared_ptr<MergedDir> listing;
  uint64_t sequence = 0;
};

Result<View> TakeView(Parts& parts, OpenDir& dir, bool afresh) {
  std::shared_ptr<MergedDir> fresh;
  {
    MutexLock lock(dir.mu);
    if (!afresh && dir.listing) return View{dir.listing, dir.view};
  }
  PLY_TRY(fresh, LoadListing(parts, dir.inode));
  MutexLock lock(dir.mu);
  if (dir.listing) dir.listing->UnpinView(dir.view);
  dir.listing = std::move(fresh);
  dir.view = dir.listing->PinView();
  return View{dir.listing, dir.view};
}

bool NotLater(const TimeSpec& a, const TimeSpec& b) {
  return a.sec < b.sec || (a.sec == b.sec && a.nsec <= b.nsec);
}

// A client's reading of an upper directory moves its atime as the mount of upper says (C21).  The listing
// itself comes from memory, so the directory is read a little only when an update may be due (fs/inode.c:
// relatime_need_update).
void TouchAtime(Parts& parts, const InodeRef& dir) {
  if (!dir->is_upper() || !parts.writable() || dir->unlinked()) return;
  Result<Attr> attr = StatInode(parts, dir);
  constexpr int64_t kDay = 24 * 60 * 60;
  bool due = attr.ok() && (NotLater(attr->atime, attr->mtime) || NotLater(attr->atime, attr->ctime) ||
                           attr->atime.sec + kDay <= ::time(nullptr));
  if (!due) return;
  Result<UniqueFd> fd = OpenUpper(parts, dir, O_RDONLY | O_DIRECTORY);
  if (fd.ok()) (void)sys::DirReader(fd->get()).Next();
  dir->DropAttr();
}

uint64_t ParentIno(const Inode& dir) {
  std::optional<InodeName> name = dir.AnyName();
  return name ? name->parent->st_ino() : dir.st_ino();
}

}  // namespace

Status VisitListing(Parts& parts, OpenDir& dir, Cookie from,
                    const std::function<Result<bool>(const DirEntry&)>& visit) {
  PLY_TRY(View view, TakeView(parts, dir, from == 0));
  if (from == 0 && !(dir.flags & O_NOATIME)) TouchAtime(parts, dir.inode);
  if (from < kAfterDot) {
    PLY_TRY(bool more, visit(DirEntry{".", dir.inode->st_ino(), DT_DIR, kAfterDot}));
    if (!more) return OkStatus();
  }
  if (from < kAfterDotDot) {
    PLY_TRY(bool more, visit(DirEntry{"..", ParentIno(*dir.inode), DT_DIR, kAfterDotDot}));
    if (!more) return OkStatus();
  }
  constexpr size_t kBatch = 256;
  Cookie after = std::max(from, kAfterDotDot);
  if (from > kAfterDotDot && Planted(Plant::kReaddir)) ++after;
  while (true) {
    std::vector<MergedDir::Row> rows = view.listing->Read(view.sequence, after, kBatch);
    for (const MergedDir::Row& row : rows) {
      PLY_TRY(bool more, visit(DirEntry{row.name, row.ino, row.type, row.cookie}));
      if (!more) return OkStatus();
      after = row.cookie;
    }
    if (rows.size() < kBatch) return OkStatus();
  }
}

}  // namespace plyfs
