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

Result<View> TakeView(Parts& parts, OpenDir& dir, bool afresh, bool looks) {
  std::shared_ptr<MergedDir> fresh;
  std::shared_ptr<ReadCopies> copies = looks ? std::make_shared<ReadCopies>() : nullptr;
  {
    MutexLock lock(dir.mu);
    if (!afresh && dir.listing) return View{dir.listing, dir.view};
  }
  PLY_TRY(fresh, LoadListing(parts, dir.inode, copies.get()));
  if (copies && copies->layers.empty()) copies = nullptr;
  std::shared_ptr<const ReadCopies> before = std::move(copies);  // closed after the lock
  MutexLock lock(dir.mu);
  dir.copies.swap(before);
  if (dir.listing) dir.listing->UnpinView(dir.view);
  dir.listing = std::move(fresh);
  dir.view = dir.listing->PinView();
  return View{dir.listing, dir.view};
}

bool NotLater(const TimeSpec& a, const TimeSpec& b) {
  return a.sec < b.sec || (a.sec == b.sec && a.nsec <= b.nsec);
}

// The listing comes from memory, so the directory is read a little where it is due; whether its atime moves
// is for the mount of upper to say (C21).
void TouchAtime(Parts& parts, const InodeRef& dir) {
  Result<UniqueFd> fd = OpenUpper(parts, dir, O_RDONLY | O_DIRECTORY);
  if (fd.ok()) (void)sys::DirReader(fd->get()).Next();
  dir->DropAttr();
}

// The client is about to cache what it reads.
void NoteCaching(Parts& parts, const OpenDir& dir, const View& view) {
  if (dir.cache == OpenDir::Cache::kNone) return;
  if (!dir.inode->watched()) {
    // It was hoped to become so when the directory was opened.
    if (parts.invalidator) parts.invalidator->InvalidateData(dir.inode->id());
  } else if (dir.cache == OpenDir::Cache::kAnew && dir.inode->listing() == view.listing) {
    view.listing->NoteClientHasIt();
  }
}

uint64_t ParentIno(const Inode& dir) {
  std::optional<InodeName> name = dir.AnyName();
  return name ? name->parent->st_ino() : dir.st_ino();
}

}  // namespace

bool AtimeIsDue(Parts& parts, const InodeRef& dir, uint32_t open_flags) {
  if ((open_flags & O_NOATIME) || !dir->is_upper() || !parts.writable() || dir->unlinked()) return false;
  Result<Attr> attr = StatInode(parts, dir);
  constexpr int64_t kDay = 24 * 60 * 60;
  return attr.ok() && (NotLater(attr->atime, attr->mtime) || NotLater(attr->atime, attr->ctime) ||
                       attr->atime.sec + kDay <= ::time(nullptr));
}

Status VisitListing(Parts& parts, OpenDir& dir, Cookie from,
                    const std::function<Result<bool>(const DirEntry&)>& visit, bool looks) {
  PLY_TRY(View view, TakeView(parts, dir, from == 0, looks));
  NoteCaching(parts, dir, view);
  if (from == 0 && AtimeIsDue(parts, dir.inode, dir.flags)) TouchAtime(parts, dir.inode);
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
