#include "engine/format/origin.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

OriginHandle Ext4Handle() {
  OriginHandle origin;
  origin.type = 1;
  for (size_t i = 0; i < origin.uuid.size(); ++i) origin.uuid[i] = static_cast<uint8_t>(0xa0 + i);
  origin.handle = std::string("\x0c\0\0\0\x78\x56\x34\x12", 8);
  return origin;
}

// As kernel overlayfs writes it on ext4 (X1, X2), on a little-endian machine.
const std::string kExt4Bytes(
    "\x00\xfb\x1d\x00\x01"
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf"
    "\x0c\x00\x00\x00\x78\x56\x34\x12",
    29);

TEST(Origin, X1BytesAreTheKernels) {
  EXPECT_EQ(*EncodeOrigin(Ext4Handle()), kExt4Bytes);
  auto decoded = DecodeOrigin(kExt4Bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, Ext4Handle());
}

TEST(Origin, UpperFlagGoesBothWays) {
  OriginHandle origin = Ext4Handle();
  origin.of_upper = true;
  const std::string bytes = *EncodeOrigin(origin);
  EXPECT_EQ(bytes[3], 4);
  EXPECT_TRUE(DecodeOrigin(bytes)->of_upper);
}

TEST(Origin, L21EveryTruncationIsUnknown) {
  for (size_t size = 0; size < kExt4Bytes.size(); ++size) {
    EXPECT_FALSE(DecodeOrigin(kExt4Bytes.substr(0, size))) << size;
  }
}

std::string With(size_t at, char byte) {
  std::string bytes = kExt4Bytes;
  bytes[at] = byte;
  return bytes;
}

TEST(Origin, L21UnknownHeaders) {
  EXPECT_FALSE(DecodeOrigin(With(0, 1))) << "newer version";
  EXPECT_FALSE(DecodeOrigin(With(1, 0))) << "magic";
  EXPECT_FALSE(DecodeOrigin(With(2, 30))) << "longer than the value";
  EXPECT_FALSE(DecodeOrigin(With(2, 21))) << "no handle";
  EXPECT_FALSE(DecodeOrigin(With(2, 3))) << "shorter than its header";
  EXPECT_FALSE(DecodeOrigin(With(3, 1))) << "other byte order";
  EXPECT_FALSE(DecodeOrigin(With(3, 8))) << "unknown flag";
  EXPECT_TRUE(DecodeOrigin(With(3, 3))) << "any byte order";
}

TEST(Origin, BytesBeyondTheLengthAreIgnored) {
  auto decoded = DecodeOrigin(kExt4Bytes + "trailing");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->handle, Ext4Handle().handle);
}

TEST(Origin, HandlesOutOfBoundsAreNotEncoded) {
  OriginHandle origin = Ext4Handle();
  origin.handle.clear();
  EXPECT_FALSE(EncodeOrigin(origin));
  origin.handle.assign(kOriginHandleMax, 'h');
  EXPECT_EQ(DecodeOrigin(*EncodeOrigin(origin)), origin);
  origin.handle += 'h';
  EXPECT_FALSE(EncodeOrigin(origin));
}

}  // namespace
}  // namespace plyfs
