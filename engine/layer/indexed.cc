#include "engine/layer/indexed.h"

#include <sys/sysmacros.h>

#include "engine/format/file_type.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

struct statx_timestamp TimestampOf(const TimeSpec& time) {
  struct statx_timestamp stamp = {};
  stamp.tv_sec = time.sec;
  stamp.tv_nsec = time.nsec;
  return stamp;
}

bool Has(const IndexEntryView& entry, const XattrNames& names, Record record) {
  return entry.record(names.Of(record)).has_value();
}

}  // namespace

struct statx StatOf(const IndexEntryView& entry, uint64_t device) {
  const Attr attr = entry.attr();
  struct statx st = {};
  st.stx_mask = STATX_BASIC_STATS;
  st.stx_blksize = attr.blksize;
  st.stx_nlink = attr.nlink;
  st.stx_uid = attr.uid;
  st.stx_gid = attr.gid;
  st.stx_mode = static_cast<uint16_t>(attr.mode);
  st.stx_ino = attr.ino;
  st.stx_size = attr.size;
  st.stx_blocks = attr.blocks;
  st.stx_atime = TimestampOf(attr.atime);
  st.stx_mtime = TimestampOf(attr.mtime);
  st.stx_ctime = TimestampOf(attr.ctime);
  if (entry.has_birth()) {
    st.stx_mask |= STATX_BTIME;
    st.stx_btime = TimestampOf(attr.btime);
  }
  st.stx_rdev_major = attr.rdev_major;
  st.stx_rdev_minor = attr.rdev_minor;
  st.stx_dev_major = major(device);
  st.stx_dev_minor = minor(device);
  return st;
}

void ReadRecords(const IndexEntryView& entry, const XattrNames& names, const WantedRecords& wanted,
                 Finding* finding) {
  if (!entry.has_records()) return;
  if (wanted.whiteout) finding->whiteout_record = Has(entry, names, Record::kWhiteout);
  if (finding->is_whiteout()) return;
  if (wanted.opaque) {
    if (auto value = entry.record(names.Of(Record::kOpaque))) finding->opaque = ParseOpaque(*value);
  }
  if (wanted.metacopy) {
    finding->metacopy_record = Has(entry, names, Record::kMetacopy);
    if (!finding->metacopy_record) return;
  }
  if (wanted.redirect) {
    if (auto value = entry.record(names.Of(Record::kRedirect))) finding->redirect = std::string(*value);
  }
}

ScannedEntry ScannedOf(const IndexEntryView& entry, const XattrNames& names, bool xwhiteouts) {
  ScannedEntry scanned;
  scanned.name = entry.name();
  scanned.ino = entry.ino();
  scanned.type = DirentTypeOf(entry.mode());
  if (scanned.type == DT_CHR) {
    const Attr attr = entry.attr();
    scanned.whiteout = IsWhiteoutDevice(attr.mode, attr.rdev_major, attr.rdev_minor);
  } else if (xwhiteouts && scanned.type == DT_REG && entry.has_records()) {
    scanned.whiteout = entry.attr().size == 0 && Has(entry, names, Record::kWhiteout);
  }
  scanned.hides = scanned.name;
  return scanned;
}

bool HasXwhiteouts(const IndexEntryView& dir, const XattrNames& names) {
  auto value = dir.record(names.Of(Record::kOpaque));
  return value && ParseOpaque(*value) == Opaque::kHasXwhiteouts;
}

bool HasNoXattrs(const IndexEntryView& entry) {
  return !entry.has_records() && !entry.others() && !entry.ask_layer();
}

bool IsPlainlyMissing(std::string_view xattr, uint32_t mode, bool acls) {
  if (xattr.size() > kXattrNameMax) return false;
  if (xattr == kXattrAccessAcl || xattr == kXattrDefaultAcl) return acls && !S_ISLNK(mode);
  const bool may_have_user = S_ISREG(mode) || S_ISDIR(mode);
  if (xattr.starts_with("user.")) return may_have_user && xattr != "user.";
  for (std::string_view prefix : {"security.", "trusted."}) {
    if (xattr.starts_with(prefix) && xattr.size() > prefix.size()) return true;
  }
  return false;
}

std::optional<IndexFile::Answer> AskIndex(const Layer& layer, std::string_view dir, std::string_view name) {
  IndexFile* index = layer.trusted_index();
  if (!index) return std::nullopt;
  IndexFile::Answer answer = index->Ask(dir, name);
  return answer.known ? std::optional<IndexFile::Answer>(std::move(answer)) : std::nullopt;
}

std::optional<IndexFile::Held> FindIndexed(const LayerStack& stack, const LowerAnchor& anchor) {
  if (!anchor.exists()) return std::nullopt;
  const Layer& layer = stack.lower(anchor.layer);
  if (!layer.trusted_index()) return std::nullopt;
  std::optional<IndexFile::Held> held;
  if (anchor.path.is_root()) {
    if (auto dir = layer.trusted_index()->Find(".")) held = dir->held();
  } else if (auto answer = AskIndex(layer, anchor.path.Parent().ToString(), anchor.path.last())) {
    held = std::move(answer->held);
  }
  if (!held) return std::nullopt;
  const bool same = ObjectIdOf(StatOf(held->entry, layer.device())) == anchor.object;
  return same || !anchor.object.known() ? std::move(held) : std::nullopt;
}

}  // namespace plyfs
