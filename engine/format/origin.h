// The record overlay.origin (and overlay.upper): the file handle of the object copied up (X1-X3, L21).
//
// Any thread.
#ifndef PLYFS_ENGINE_FORMAT_ORIGIN_H_
#define PLYFS_ENGINE_FORMAT_ORIGIN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plyfs {

using FsUuid = std::array<uint8_t, 16>;

struct OriginHandle {
  bool of_upper = false;  // flag 4: names an object of the upper layer
  uint8_t type = 0;       // as name_to_handle_at(2) gave it
  FsUuid uuid{};
  std::string handle;  // its bytes

  friend bool operator==(const OriginHandle&, const OriginHandle&) = default;
};

inline constexpr size_t kOriginHeaderSize = 21;
inline constexpr size_t kOriginHandleMax = 128;  // MAX_HANDLE_SZ
inline constexpr size_t kOriginMax = kOriginHeaderSize + kOriginHandleMax;

// nullopt: the record would not fit its own length byte or the kernel's bound; write it empty instead (X3).
std::optional<std::string> EncodeOrigin(const OriginHandle& origin);

// nullopt: "origin unknown", for whatever reason (L21): the record is never a cause to fail.
std::optional<OriginHandle> DecodeOrigin(std::string_view value);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_ORIGIN_H_
