#include "engine/format/origin.h"

#include <algorithm>
#include <bit>

namespace plyfs {
namespace {

constexpr uint8_t kVersion = 0;
constexpr uint8_t kMagic = 0xfb;
constexpr uint8_t kBigEndian = 1;
constexpr uint8_t kAnyEndian = 2;
constexpr uint8_t kOfUpper = 4;
constexpr uint8_t kKnownFlags = kBigEndian | kAnyEndian | kOfUpper;
constexpr uint8_t kOurEndian = std::endian::native == std::endian::big ? kBigEndian : 0;

constexpr size_t kUuidOffset = 5;

}  // namespace

std::optional<std::string> EncodeOrigin(const OriginHandle& origin) {
  if (origin.handle.empty() || origin.handle.size() > kOriginHandleMax) return std::nullopt;
  std::string value;
  value.reserve(kOriginHeaderSize + origin.handle.size());
  for (uint8_t byte : {kVersion, kMagic, static_cast<uint8_t>(kOriginHeaderSize + origin.handle.size()),
                       static_cast<uint8_t>(kOurEndian | (origin.of_upper ? kOfUpper : 0)), origin.type}) {
    value += static_cast<char>(byte);
  }
  value.append(reinterpret_cast<const char*>(origin.uuid.data()), origin.uuid.size());
  value += origin.handle;
  return value;
}

// The checks of fs/overlayfs/namei.c:ovl_check_fb_len, and no trust in the length byte (L23).
std::optional<OriginHandle> DecodeOrigin(std::string_view value) {
  if (value.size() <= kOriginHeaderSize) return std::nullopt;
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(value[at]); };
  const size_t length = byte(2);
  const uint8_t flags = byte(3);
  if (byte(1) != kMagic || length > value.size() || length <= kOriginHeaderSize || length > kOriginMax) {
    return std::nullopt;
  }
  if (byte(0) > kVersion || (flags & ~kKnownFlags) != 0) return std::nullopt;
  if (!(flags & kAnyEndian) && (flags & kBigEndian) != kOurEndian) return std::nullopt;

  OriginHandle origin;
  origin.of_upper = flags & kOfUpper;
  origin.type = byte(4);
  std::copy_n(value.begin() + kUuidOffset, origin.uuid.size(), origin.uuid.begin());
  origin.handle = value.substr(kOriginHeaderSize, length - kOriginHeaderSize);
  return origin;
}

}  // namespace plyfs
