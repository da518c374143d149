#include "engine/layer/records.h"

#include <algorithm>

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

namespace {

bool Names(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    size_t end = list.find('\0');
    if (list.substr(0, end) == name) return true;
    list.remove_prefix(end == list.npos ? list.size() : end + 1);
  }
  return false;
}

}  // namespace

// Most objects have no record at all: one call tells, where there would be one for each.
Result<bool> Records::MayHave(int fd, std::initializer_list<Record> records) const {
  Result<std::string> list = sys::ListXattr(fd);
  if (list.error() == EOPNOTSUPP) return false;
  if (list.error() == ERANGE || list.error() == E2BIG) return true;
  if (!list.ok()) return list.status();
  return std::any_of(records.begin(), records.end(),
                     [&](Record record) { return Names(*list, names_.Of(record)); });
}

Status Records::Read(int fd, const WantedRecords& wanted, Finding* finding) const {
  if (wanted.opaque && wanted.redirect) {
    PLY_TRY(bool any, MayHave(fd, {Record::kOpaque, Record::kRedirect}));
    if (!any) return OkStatus();
  }
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
