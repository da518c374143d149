#include "engine/layer/scan.h"

#include <dirent.h>
#include <fcntl.h>

#include <string>
#include <vector>

#include "engine/format/file_type.h"
#include "engine/format/whiteout_names.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"

namespace plyfs {
namespace {

// Looks at the entry itself (its name ends with NUL) where its type does not settle what it is.  False: it
// vanished meanwhile.
Result<bool> Settle(int dir, bool xwhiteouts, const Records& records, ScannedEntry* entry) {
  bool look = entry->type == DT_UNKNOWN || entry->type == DT_CHR || (xwhiteouts && entry->type == DT_REG);
  if (!look) return true;
  Result<struct statx> st = sys::Statx(dir, entry->name.data());
  if (st.error() == ENOENT) return false;
  if (!st.ok()) return st.status();
  entry->type = DirentTypeOf(st->stx_mode);
  entry->ino = st->stx_ino;
  entry->whiteout = IsWhiteoutDevice(st->stx_mode, st->stx_rdev_major, st->stx_rdev_minor);
  entry->hides = entry->name;
  if (xwhiteouts && entry->type == DT_REG && st->stx_size == 0) {
    Result<UniqueFd> fd = sys::OpenBeneath(dir, entry->name.data(), O_PATH);
    if (fd.error() == ENOENT) return false;
    if (!fd.ok()) return fd.status();
    PLY_TRY(auto record, records.Get(fd->get(), Record::kWhiteout));
    entry->whiteout = record.has_value();
  }
  return true;
}

}  // namespace

Status ScanDirectory(int dir, const Records& records, XattrWhiteouts look,
                     const std::function<Status(const ScannedEntry&)>& visit) {
  bool xwhiteouts = look == XattrWhiteouts::kEverywhere;
  if (look == XattrWhiteouts::kWhereSaid) {
    PLY_TRY(xwhiteouts, SaysXattrWhiteouts(dir, records));
  }
  std::vector<std::string> by_name;
  sys::DirReader reader(dir);
  while (true) {
    PLY_TRY(const sys::DirReader::Entry* raw, reader.Next());
    if (!raw) break;
    if (records.read_whiteout_names() && IsWhiteoutName(raw->name)) {
      by_name.emplace_back(raw->name);
      continue;
    }
    ScannedEntry entry{raw->name, raw->ino, raw->type, false};
    PLY_TRY(bool there, Settle(dir, xwhiteouts, records, &entry));
    if (there) PLY_CHECK(visit(entry));
  }
  for (const std::string& name : by_name) {
    PLY_CHECK(visit(ScannedEntry{name, 0, DT_REG, /*whiteout=*/true, HiddenBy(name)}));
  }
  return OkStatus();
}

Result<bool> SaysXattrWhiteouts(int dir, const Records& records) {
  PLY_TRY(auto opaque, records.Get(dir, Record::kOpaque, sys::Holds::kOpened));
  return opaque && ParseOpaque(*opaque) == Opaque::kHasXwhiteouts;
}

Result<bool> IsWhiteoutAt(int dir, const char* name, const struct statx& st, const Records& records) {
  if (IsWhiteoutDevice(st.stx_mode, st.stx_rdev_major, st.stx_rdev_minor)) return true;
  if (!S_ISREG(st.stx_mode) || st.stx_size != 0) return false;
  PLY_TRY(UniqueFd fd, sys::OpenBeneath(dir, name, O_PATH));
  PLY_TRY(auto record, records.Get(fd.get(), Record::kWhiteout));
  return record.has_value();
}

Result<bool> HoldsOnlyWhiteouts(int dir, const Records& records) {
  Status scanned = ScanDirectory(dir, records, XattrWhiteouts::kEverywhere, [](const ScannedEntry& entry) {
    return entry.whiteout ? OkStatus() : Status(Errno(ENOTEMPTY));
  });
  if (scanned.error() == ENOTEMPTY) return false;
  if (!scanned.ok()) return scanned.status();
  return true;
}

}  // namespace plyfs
