#include "engine/layer/records.h"

#include <algorithm>

namespace plyfs {

namespace {

Result<std::optional<std::string>> GetNamed(int fd, const std::string& name, sys::Holds holds) {
  Result<std::string> value = sys::GetXattr(fd, name.c_str(), holds);
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

}  // namespace

Result<std::optional<std::string>> Records::Get(int fd, Record record, sys::Holds holds) const {
  return GetNamed(fd, names_.Of(record), holds);
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
Result<bool> Records::MayHaveAny(int fd, sys::Holds holds) const {
  return AnyAmong(sys::ListXattr(fd, holds));
}

Result<bool> Records::MayHaveAnyAt(int dir, const char* name) const {
  return AnyAmong(sys::ListXattrAt(dir, name));
}

Result<bool> Records::AnyAmong(const Result<std::string>& list) const {
  if (list.error() == EOPNOTSUPP) return false;
  if (list.error() == ERANGE || list.error() == E2BIG) return true;
  if (!list.ok()) return list.status();
  for (Record record : {Record::kOpaque, Record::kRedirect, Record::kWhiteout, Record::kMetacopy}) {
    if (Names(*list, names_.Of(record))) return true;
  }
  const std::vector<std::string>& others = names_.other_opaques();
  return std::any_of(others.begin(), others.end(),
                     [&](const std::string& name) { return Names(*list, name); });
}

Result<Opaque> Records::ReadOpaque(int fd, sys::Holds holds) const {
  PLY_TRY(auto value, Get(fd, Record::kOpaque, holds));
  const Opaque ours = value ? ParseOpaque(*value) : Opaque::kNo;
  if (ours == Opaque::kYes) return ours;
  for (const std::string& name : names_.other_opaques()) {
    PLY_TRY(auto other, GetNamed(fd, name, holds));
    if (other && other->starts_with(kOpaqueYes)) return Opaque::kYes;
  }
  return ours;
}

Status Records::Read(int fd, bool opened, const WantedRecords& wanted, Finding* finding) const {
  const bool directory = finding->found == Found::kDirectory;
  const sys::Holds holds = opened      ? sys::Holds::kOpened
                           : directory ? sys::Holds::kAnything
                                       : sys::Holds::kNoDirectory;
  if ((wanted.opaque && wanted.redirect) || (wanted.whiteout && wanted.metacopy)) {
    PLY_TRY(bool any, MayHaveAny(fd, holds));
    if (!any) return OkStatus();
  }
  if (wanted.whiteout) {
    PLY_TRY(auto value, Get(fd, Record::kWhiteout, holds));
    finding->whiteout_record = value.has_value();
    if (finding->is_whiteout()) return OkStatus();
  }
  if (wanted.opaque) {
    PLY_TRY(finding->opaque, ReadOpaque(fd, holds));
  }
  if (wanted.metacopy) {
    PLY_TRY(auto value, Get(fd, Record::kMetacopy, holds));
    finding->metacopy_record = value.has_value();
    if (!finding->metacopy_record) return OkStatus();
  }
  if (wanted.redirect) {
    PLY_TRY(finding->redirect, Get(fd, Record::kRedirect, holds));
  }
  return OkStatus();
}

}  // namespace plyfs
