#include "tests/differential/masks.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace plyfs::diff {
namespace {

// Linux before 6.6, or one that plays it (tests/linux_6_1).
bool ProtocolLacksStatx() {
  const char* minor = getenv("PLYFS_FUSE_MINOR");
  if (minor != nullptr && atoi(minor) < 39) return true;
  utsname kernel;
  int major = 0, patch = 0;
  return uname(&kernel) == 0 && sscanf(kernel.release, "%d.%d", &major, &patch) == 2 &&
         (major < 6 || (major == 6 && patch < 6));
}

bool AtimeOfTheRun(const Sight& sight, int64_t run_start) {
  const int64_t at = sight.stx.stx_atime.tv_sec;
  // Utimens sets times of other years.  Fine timestamps run ahead of the clock that time(2) reads.
  return at >= run_start && at <= time(nullptr) + 1;
}

bool IsRefusal(int error) {
  return error == EPERM || error == EIO || error == EINVAL || error == EACCES;
}

}  // namespace

bool Masks::GhostListedByPly(const ListEntry& ply) {
  return ply.ghost && ply.type == DT_REG && Use("D14 xattr whiteout not listed");
}

bool Masks::GhostListedByPly(const Node& ply) {
  return ply.ghost && ply.d_type == DT_REG && Use("D14 xattr whiteout not listed");
}

bool Masks::RefusedNotListed(const ListEntry& ply) {
  return IsRefusal(ply.error) && Use("D14 refused name not listed");
}

bool Masks::RefusedNotListed(const Node& ply) {
  return IsRefusal(ply.sight.error) && Use("D14 refused name not listed");
}

bool Masks::RefusedEndsListing(const Step& step, const Outcome& kernel, const Outcome& ply) {
  if (step.op != Op::kReaddir || !IsRefusal(kernel.error) || ply.error != 0) return false;
  for (const ListEntry& entry : ply.list) {
    if (entry.error == kernel.error) return Use("D14 refused name ends a listing");
  }
  return false;
}

bool Masks::RefusedEndsListing(const std::string& path, const Snapshot& kernel, const Snapshot& ply) {
  const auto here = kernel.find(path), there = ply.find(path);
  if (here == kernel.end() || there == ply.end()) return false;
  const int error = here->second.list_error;
  if (!IsRefusal(error) || there->second.list_error != 0) return false;
  const std::string below = path.empty() ? "" : path + "/";
  for (auto at = ply.upper_bound(below); at != ply.end() && at->first.starts_with(below); ++at) {
    const bool child = at->first.find('/', below.size()) == std::string::npos;
    if (child && at->second.sight.error == error) return Use("D14 refused name ends a listing");
  }
  return false;
}

bool Masks::GhostListed(const ListEntry* kernel, const ListEntry* ply) {
  if (kernel == nullptr || ply != nullptr || !kernel->ghost) return false;
  return Use("D9 raw whiteout listed");
}

bool Masks::GhostListed(const Node* kernel, const Node* ply) {
  if (kernel == nullptr || ply != nullptr || !kernel->ghost) return false;
  return Use("D9 raw whiteout listed");
}

bool Masks::UnlinkedLowerNlink(const Sight& kernel, const Sight& ply) {
  if (!kernel.deleted || !ply.deleted || ply.stx.stx_nlink != 0 || kernel.stx.stx_nlink == 0) return false;
  return Use("S10 nlink of an unlinked lower file");
}

bool Masks::UnlinkedLowerChange(const Step& step, const Outcome& kernel, const Outcome& ply) {
  if (!ChangesMetadataOfSlot(step.op) || !kernel.read_only_fd || kernel.error != EEXIST || ply.error != 0)
    return false;
  if (kernel.after.empty() || !kernel.after[0].deleted) return false;
  return Use("N19 metadata of an unlinked lower file");
}

bool Masks::MappingOfOldDescriptor(const Outcome& kernel, const Outcome& ply) {
  if (!kernel.read_only_fd || kernel.mapped == kernel.data) return false;
  if (ply.mapped != ply.data || ply.data != kernel.data) return false;
  return Use("C19 mapping through an old descriptor");
}

bool Masks::MappingBeyondFile(const Step& step, const Outcome& kernel, const Outcome& ply) {
  if (step.op != Op::kMmapRead || !kernel.read_only_fd) return false;
  const bool lower_is_shorter = kernel.error == EFAULT && ply.error == 0 && ply.mapped == ply.data;
  const bool upper_is_empty = kernel.error == 0 && ply.error == EFAULT && kernel.data == Digest("");
  if (!lower_is_shorter && !upper_is_empty) return false;
  return Use("C19 mapping through an old descriptor");
}

bool Masks::AtimeNotMoved(const Sight& kernel, const Sight& ply, int64_t run_start) {
  if (!AtimeOfTheRun(kernel, run_start) || AtimeOfTheRun(ply, run_start)) return false;
  return Use("C21 atime of a cached read");
}

bool Masks::AtimeMovedReadonly(const Sight& kernel, int64_t run_start) {
  if (AtimeOfTheRun(kernel, run_start)) return false;
  return Use("C21 atime of a read while read-only");
}

bool Masks::ImpureDropped(const Step& step, const Sight& kernel) {
  if (step.op != Op::kReaddir || !S_ISDIR(kernel.stx.stx_mode)) return false;
  return Use("D11 stale impure mark dropped");
}

bool Masks::ImpureSetAgain(const Step& step, const Outcome& kernel, const Sight& dir) {
  if (step.op != Op::kRename || kernel.error == 0 || !S_ISDIR(dir.stx.stx_mode)) return false;
  return Use("D11 stale impure mark set again");
}

bool Masks::ImpureForNothing(const Step& step, const Outcome& kernel, const Sight& dir) {
  if (step.op != Op::kRename || kernel.error == 0 || !S_ISDIR(dir.stx.stx_mode)) return false;
  return Use("R18 impure mark for an origin that means nothing");
}

bool Masks::SetGidGoesInSilence(const Step& step, const Sight& before, const Sight& after) {
  if (step.op != Op::kRemovexattr || step.name != "system.posix_acl_access") return false;
  if (!(before.stx.stx_mode & S_ISGID) || (after.stx.stx_mode & S_ISGID)) return false;
  return Use("A9 ctime moved with set-group-id");
}

bool Masks::ImpureTakesRoom(const Step& step, const Outcome& kernel, const Outcome& ply) {
  if (step.op != Op::kListxattr || step.a <= 0 || kernel.error != 0 || ply.error != ERANGE) return false;
  if (kernel.after.empty() || !S_ISDIR(kernel.after[0].stx.stx_mode)) return false;
  return Use("D11 stale impure mark takes room");
}

bool Masks::ListedNumber(bool plyfs_served) {
  if (plyfs_served) return false;
  return Use("D10 listed inode number");
}

bool Masks::NoBirthTime(const Sight& kernel, const Sight& ply) {
  const bool only_kernel = (kernel.stx.stx_mask & ~ply.stx.stx_mask & STATX_BTIME) != 0;
  if (!only_kernel || !ProtocolLacksStatx()) return false;
  return Use("F23 no birth time before FUSE 7.39");
}

bool Masks::DataBeyondSize(const Node& kernel, const Node& ply) {
  const uint64_t size = ply.sight.stx.stx_size;
  if (!S_ISREG(ply.sight.stx.stx_mode) || kernel.sight.stx.stx_size != size) return false;
  if (strtoull(kernel.data.c_str(), nullptr, 10) <= size) return false;
  if (strtoull(ply.data.c_str(), nullptr, 10) != size) return false;
  return Use("L16 data beyond the size of a metacopy file");
}

bool Masks::HoleLayout(const Step& step, const Outcome& kernel, const Outcome& ply) {
  if (step.op != Op::kSeek || !kernel.data.empty() || !ply.data.empty()) return false;
  const bool layout_only =
      (kernel.error == 0 && ply.error == ENXIO) || (kernel.error == ENXIO && ply.error == 0);
  if (step.b != SEEK_DATA || !layout_only) return false;
  return Use("st_blocks: hole layout");
}

}  // namespace plyfs::diff
