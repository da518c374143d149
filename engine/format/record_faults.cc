#include "engine/format/record_faults.h"

#include <sys/stat.h>

#include <algorithm>

#include "engine/format/opaque.h"
#include "engine/format/origin.h"
#include "engine/format/protattr.h"
#include "engine/format/redirect.h"

namespace plyfs {
namespace {

constexpr char kIgnored[] = "plyfs and the kernel ignore it";
constexpr char kEinval[] = "plyfs and the kernel refuse to look the object up (EINVAL)";
constexpr char kEacces[] = "plyfs and the kernel refuse to look the object up (EACCES)";

constexpr size_t kUuidSize = 16;           // M27
constexpr size_t kMetacopyHeader = 4;      // version, length, flags, digest algorithm
constexpr size_t kMetacopyDigestMax = 64;  // FS_VERITY_MAX_DIGEST_SIZE

// Whether an object of this type can have a use for the record.
bool MeansSomething(Record record, const RecordSet& object) {
  if (object.whiteout_device) return false;
  const bool directory = S_ISDIR(object.mode), regular = S_ISREG(object.mode);
  switch (record) {
    case Record::kOpaque:
    case Record::kImpure:
      return directory;
    case Record::kRedirect:
      return directory || regular;  // one stays behind where metacopy was (C17)
    case Record::kNlink:
      return !directory;
    case Record::kUuid:
      return object.is_root;
    case Record::kUpper:
      return false;  // of the index only
    case Record::kMetacopy:
      return regular;
    case Record::kWhiteout:
      return regular && object.size == 0;
    case Record::kOrigin:
    case Record::kProtattr:
      return true;
  }
  return false;
}

bool HasDots(std::string_view path) {
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part == "." || part == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

// Whether the record is read at all: opaque wins (L10), and a file's counts only beside metacopy.
bool RedirectIsRead(const RecordSet& object) {
  if (object.is_root) return false;
  if (S_ISREG(object.mode)) return object.Of(Record::kMetacopy).has_value();
  const std::optional<std::string>& opaque = object.Of(Record::kOpaque);
  return !opaque || ParseOpaque(*opaque) != Opaque::kYes;
}

std::optional<RecordFault> RedirectFault(const std::string& value, const RecordSet& object, bool userxattr) {
  const bool read = RedirectIsRead(object);
  // A file without its redirect would show holes for data.
  const Cure cure = !read ? Cure::kRemove : S_ISDIR(object.mode) ? Cure::kMakeOpaque : Cure::kNone;
  Result<Redirect> redirect = ParseRedirect(value);
  if (!redirect.ok()) return RecordFault{Record::kRedirect, "is malformed", read ? kEinval : kIgnored, cure};
  if (redirect->path.empty() || HasDots(redirect->path)) {
    return RecordFault{Record::kRedirect, "leads out of the layers", read ? kEacces : kIgnored, cure};
  }
  if (redirect->path.size() != value.size()) {
    return RecordFault{Record::kRedirect, "has bytes behind a NUL", "plyfs and the kernel ignore these",
                       Cure::kCutAtNul};
  }
  if (read && userxattr) {
    return RecordFault{Record::kRedirect, "is not for mounts with userxattr",
                       "plyfs and the kernel refuse to look the object up (EPERM)"};
  }
  return std::nullopt;
}

bool IsMetacopy(std::string_view value) {
  if (value.empty()) return true;
  return value.size() >= kMetacopyHeader && value.size() <= kMetacopyHeader + kMetacopyDigestMax &&
         value[0] == 0 && static_cast<uint8_t>(value[1]) == value.size() && value[2] == 0;
}

std::optional<RecordFault> MetacopyFault(const std::string& value, bool userxattr) {
  if (userxattr) {
    return RecordFault{Record::kMetacopy, "is not for mounts with userxattr",
                       "plyfs and the kernel refuse to look the file up (EPERM)"};
  }
  if (IsMetacopy(value)) return std::nullopt;
  return RecordFault{Record::kMetacopy, "is malformed", "ignored but with verity, where opening fails (EIO)"};
}

std::optional<RecordFault> ValueFault(Record record, const std::string& value, const RecordSet& object,
                                      bool userxattr) {
  auto ignored = [&](Cure cure) { return RecordFault{record, "is malformed", kIgnored, cure}; };
  switch (record) {
    case Record::kOpaque:
      if (ParseOpaque(value) != Opaque::kNo) return std::nullopt;
      return RecordFault{record, "has a value that means nothing", kIgnored, Cure::kRemove};
    case Record::kRedirect:
      return RedirectFault(value, object, userxattr);
    case Record::kOrigin:
      if (FormOf(value) != OriginForm::kMalformed) return std::nullopt;
      return ignored(Cure::kEmpty);  // that it was copied up still counts (D9)
    case Record::kImpure:
      if (value == "y") return std::nullopt;
      return ignored(Cure::kRemove);
    case Record::kNlink:
      if (ParseNlinkRecord(value)) return std::nullopt;
      return ignored(Cure::kRemove);
    case Record::kProtattr:
      if (ParseProtattr(value) != 0) return std::nullopt;
      return ignored(Cure::kRemove);
    case Record::kUuid:
      if (value.size() == kUuidSize) return std::nullopt;
      return ignored(Cure::kRemove);
    case Record::kMetacopy:
      return MetacopyFault(value, userxattr);
    case Record::kUpper:
    case Record::kWhiteout:  // with any value
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

bool RecordSet::any() const {
  return std::any_of(values.begin(), values.end(), [](const auto& value) { return value.has_value(); });
}

bool RecordSet::is_xattr_whiteout() const {
  return S_ISREG(mode) && size == 0 && Of(Record::kWhiteout).has_value();
}

std::vector<RecordFault> FaultsOf(const RecordSet& object, bool userxattr) {
  std::vector<RecordFault> faults;
  for (size_t i = 0; i < kRecordCount; ++i) {
    const Record record = static_cast<Record>(i);
    const std::optional<std::string>& value = object.values[i];
    if (!value) continue;
    if (!MeansSomething(record, object)) {
      faults.push_back(RecordFault{
          record, object.whiteout_device ? "is on a whiteout" : "is on what can have no use for it", kIgnored,
          Cure::kRemove});
    } else if (std::optional<RecordFault> fault = ValueFault(record, *value, object, userxattr)) {
      faults.push_back(*fault);
    }
  }
  return faults;
}

// The kernel tells these apart too (fs/overlayfs/namei.c:ovl_check_fb_len): only the malformed are warned of.
OriginForm FormOf(std::string_view origin) {
  constexpr uint8_t kMagic = 0xfb;
  if (origin.empty()) return OriginForm::kUnknown;
  if (DecodeOrigin(origin)) return OriginForm::kHandle;
  if (origin.size() <= kOriginHeaderSize || static_cast<uint8_t>(origin[1]) != kMagic)
    return OriginForm::kMalformed;
  const size_t length = static_cast<uint8_t>(origin[2]);
  if (length <= kOriginHeaderSize || length > origin.size()) return OriginForm::kMalformed;
  return length > kOriginMax ? OriginForm::kMalformed : OriginForm::kElsewhere;
}

std::string Quoted(std::string_view path) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : path) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace plyfs
