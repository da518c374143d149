#include "engine/layer/scan.h"

#include <dirent.h>
#include <fcntl.h>

#include "engine/format/file_type.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"

namespace plyfs {
namespace {

// Looks at the entry itself where its type does not settle what it is.  False: it vanished meanwhile.
Result<bool> Settle(int dir, bool xwhiteouts, const Records& records, ScannedEntry* entry) {
  bool look = entry->type == DT_UNKNOWN || entry->type == DT_CHR || (xwhiteouts && entry->type == DT_REG);
  if (!look) return true;
  Result<struct statx> st = sys::Statx(dir, entry->name.c_str());
  if (st.error() == ENOENT) return false;
  if (!st.ok()) return st.status();
  entry->type = DirentTypeOf(st->stx_mode);
  entry->ino = st->stx_ino;
  entry->whiteout = IsWhiteoutDevice(st->stx_mode, st->stx_rdev_major, st->stx_rdev_minor);
  if (xwhiteouts && entry->type == DT_REG && st->stx_size == 0) {
    Result<UniqueFd> fd = sys::OpenBeneath(dir, entry->name.c_str(), O_PATH);
    if (fd.error() == ENOENT) return false;
    if (!fd.ok()) return fd.status();
    PLY_TRY(auto record, records.Get(fd->get(), Record::kWhiteout));
    entry->whiteout = record.has_value();
  }
  return true;
}

}  // namespace

Result<std::vector<ScannedEntry>> ScanDirectory(int dir, const Records& records, XattrWhiteouts look) {
  PLY_TRY(auto opaque, records.Get(dir, Record::kOpaque));
  bool xwhiteouts =
      look == XattrWhiteouts::kEverywhere || (opaque && ParseOpaque(*opaque) == Opaque::kHasXwhiteouts);
  std::vector<ScannedEntry> entries;
  sys::DirReader reader(dir);
  while (true) {
    PLY_TRY(const sys::DirReader::Entry* raw, reader.Next());
    if (!raw) return entries;
    ScannedEntry entry{std::string(raw->name), raw->ino, raw->type, false};
    PLY_TRY(bool there, Settle(dir, xwhiteouts, records, &entry));
    if (there) entries.push_back(std::move(entry));
  }
}

Result<bool> HoldsOnlyWhiteouts(int dir, const Records& records) {
  PLY_TRY(std::vector<ScannedEntry> entries, ScanDirectory(dir, records, XattrWhiteouts::kEverywhere));
  for (const ScannedEntry& entry : entries) {
    if (!entry.whiteout) return false;
  }
  return true;
}

}  // namespace plyfs
