#include "engine/layer/records.h"

#include "engine/io/sys_xattr.h"

namespace plyfs {

Result<std::optional<std::string>> Records::Get(int fd, Record record) const {
  Result<std::string> value = sys::GetXattr(fd, names_.Of(record).c_str());
  if (value.ok()) return std::optional<std::string>(*std::move(value));
  switch (value.error()) {
    case ENODATA:
    case EOPNOTSUPP:
    case EPERM:  // user.* on a symlink or special file
      return std::optional<std::string>();
    case ERANGE:  // longer than any xattr may be: no record of ours
      return std::optional<std::string>();
    default:
      return value.status();
  }
}

Status Records::Set(int fd, Record record, std::string_view value) const {
  return sys::SetXattr(fd, names_.Of(record).c_str(), value, 0);
}

Status Records::Remove(int fd, Record record) const {
  Status removed = sys::RemoveXattr(fd, names_.Of(record).c_str());
  if (removed.error() == ENODATA || removed.error() == EOPNOTSUPP) return OkStatus();
  return removed;
}

Status Records::Read(int fd, const WantedRecords& wanted, Finding* finding) const {
  if (wanted.whiteout) {
    PLY_TRY(auto value, Get(fd, Record::kWhiteout));
    finding->whiteout_record = value.has_value();
    if (finding->is_whiteout()) return OkStatus();
  }
  if (wanted.opaque) {
    PLY_TRY(auto value, Get(fd, Record::kOpaque));
    finding->opaque = value ? ParseOpaque(*value) : Opaque::kNo;
  }
  if (wanted.metacopy) {
    PLY_TRY(auto value, Get(fd, Record::kMetacopy));
    finding->metacopy_record = value.has_value();
    if (!finding->metacopy_record) return OkStatus();
  }
  if (wanted.redirect) {
    PLY_TRY(finding->redirect, Get(fd, Record::kRedirect));
  }
  return OkStatus();
}

}  // namespace plyfs
