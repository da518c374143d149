// Numbers in files: little-endian, at any alignment.  Pure; any thread.
#ifndef PLYFS_ENGINE_FORMAT_LITTLE_ENDIAN_H_
#define PLYFS_ENGINE_FORMAT_LITTLE_ENDIAN_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace plyfs {

template <std::integral T>
T SwappedOnBigEndian(T value) {
  if constexpr (std::endian::native == std::endian::big) {
    T swapped{};
    for (size_t i = 0; i < sizeof(T); ++i) {
      swapped = static_cast<T>(swapped << 8) | static_cast<T>((value >> (8 * i)) & 0xff);
    }
    return swapped;
  }
  return value;
}

// REQUIRES: bytes.size() >= at + sizeof(T).
template <std::integral T>
T LoadLittle(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return SwappedOnBigEndian(value);
}

// Over what is there.
template <std::integral T>
void StoreLittle(std::string* bytes, size_t at, T value) {
  value = SwappedOnBigEndian(value);
  std::memcpy(bytes->data() + at, &value, sizeof value);
}

template <std::integral T>
void AppendLittle(std::string* bytes, T value) {
  value = SwappedOnBigEndian(value);
  bytes->append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_LITTLE_ENDIAN_H_
