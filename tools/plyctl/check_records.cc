#include "tools/plyctl/check_records.h"

#include <algorithm>

#include "engine/format/file_type.h"
#include "engine/format/opaque.h"
#include "engine/io/sys_xattr.h"

namespace plyfs::tool {
namespace {

constexpr size_t kShownValue = 64;

// What mends it, for a message.
const char* HowOf(Cure cure) {
  switch (cure) {
    case Cure::kRemove:
      return "the record is removed";
    case Cure::kEmpty:
      return "it is made empty (copied up, from where is unknown)";
    case Cure::kCutAtNul:
      return "they are cut off";
    case Cure::kMakeOpaque:
      return "the directory is made opaque and the record removed, so that it shows its own contents only";
    case Cure::kNone:
      break;
  }
  return "";
}

Status Set(int fd, const Records& records, Record record, std::string value, RecordSet* set) {
  PLY_CHECK(records.Set(fd, record, value));
  set->Of(record) = std::move(value);
  return OkStatus();
}

Status Remove(int fd, const Records& records, Record record, RecordSet* set) {
  PLY_CHECK(records.Remove(fd, record));
  set->Of(record).reset();
  return OkStatus();
}

Status Apply(Cure cure, int fd, const Records& records, Record record, RecordSet* set) {
  switch (cure) {
    case Cure::kRemove:
      return Remove(fd, records, record, set);
    case Cure::kEmpty:
      return Set(fd, records, record, "", set);
    case Cure::kCutAtNul: {
      const std::string value = set->Of(record).value_or("");
      return Set(fd, records, record, value.substr(0, value.find('\0')), set);
    }
    case Cure::kMakeOpaque:
      PLY_CHECK(Set(fd, records, Record::kOpaque, std::string(kOpaqueYes), set));
      return Remove(fd, records, record, set);
    case Cure::kNone:
      break;
  }
  return OkStatus();
}

// The values of redirects and opaque flags are worth showing; handles are not.
std::string ValueShown(Record record, const RecordSet& set) {
  if (record != Record::kRedirect && record != Record::kOpaque) return "";
  const std::string value = set.Of(record).value_or("");
  return " " + Quoted(value.substr(0, kShownValue)) + (value.size() > kShownValue ? "..." : "");
}

}  // namespace

std::string NameOf(Record record, const Records& records) {
  return records.names().Of(record);
}

Result<ObjectRecords> ReadAllRecords(int fd, const struct statx& st, bool is_root, const Records& records) {
  ObjectRecords read;
  read.set.mode = st.stx_mode;
  read.set.size = st.stx_size;
  read.set.whiteout_device = IsWhiteoutDevice(st.stx_mode, st.stx_rdev_major, st.stx_rdev_minor);
  read.set.is_root = is_root;
  Result<std::string> list = sys::ListXattr(fd);
  if (list.error() == EOPNOTSUPP) return read;
  // More names than a list can hold: each is asked for.
  const bool all = list.error() == ERANGE || list.error() == E2BIG;
  if (!list.ok() && !all) return list.status();
  const XattrNames other(!records.names().userxattr());
  std::string_view names = all ? std::string_view() : std::string_view(*list);
  std::array<bool, kRecordCount> there;
  there.fill(all);
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('\0'));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    bool known = false;
    for (size_t i = 0; i < kRecordCount; ++i) {
      const Record record = static_cast<Record>(i);
      if (records.names().Of(record) == name) there[i] = known = true;
      read.other_family |= other.Of(record) == name;
    }
    read.unknown |= !known && records.names().IsPrivate(name);
  }
  for (size_t i = 0; i < kRecordCount; ++i) {
    if (!there[i]) continue;
    PLY_TRY(read.set.values[i], records.Get(fd, static_cast<Record>(i)));
  }
  return read;
}

void CheckRecords(std::string_view path, int fd, const Records& records, RecordSet* set,
                  CheckReport* report) {
  for (const RecordFault& fault : FaultsOf(*set, records.names().userxattr())) {
    const std::string what = NameOf(fault.record, records) + ValueShown(fault.record, *set) + " " +
                             fault.what + "; " + fault.effect;
    if (fault.cure == Cure::kNone) {
      report->Left("", path, what, "set or remove it by hand (setfattr)");
    } else {
      report->Mend("", path, what, HowOf(fault.cure),
                   [&] { return Apply(fault.cure, fd, records, fault.record, set); });
    }
  }
}

}  // namespace plyfs::tool
