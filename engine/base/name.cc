#include "engine/base/name.h"

#include "absl/hash/hash.h"

namespace plyfs {

Name::Name(std::string_view bytes)
    : bytes_(bytes), hash_(absl::HashOf(absl::string_view(bytes.data(), bytes.size()))) {}

Result<Name> Name::Parse(std::string_view bytes) {
  if (bytes.empty() || bytes == "." || bytes == "..") return Errno(EINVAL);
  if (bytes.size() > kNameMax) return Errno(ENAMETOOLONG);
  if (bytes.find('/') != bytes.npos || bytes.find('\0') != bytes.npos) return Errno(EINVAL);
  return Name(bytes);
}

}  // namespace plyfs
