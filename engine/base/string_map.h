// StringMap: a hash map keyed by strings that is searched by std::string_view without making a string.
//
// Debian's abseil has a string_view of its own that std::string_view does not convert to, so the transparent
// hash is given here.
#ifndef PLYFS_ENGINE_BASE_STRING_MAP_H_
#define PLYFS_ENGINE_BASE_STRING_MAP_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace plyfs {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
};

template <typename Value>
using StringMap = absl::flat_hash_map<std::string, Value, StringHash, std::equal_to<>>;

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_STRING_MAP_H_
