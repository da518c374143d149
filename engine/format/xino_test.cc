#include "engine/format/xino.h"

#include <gtest/gtest.h>

#include <set>

namespace plyfs {
namespace {

FsKey Key(uint8_t byte, uint64_t subvolume = 0) {
  FsKey key;
  key.uuid.fill(byte);
  key.subvolume = subvolume;
  return key;
}

std::vector<FsKey> Keys(size_t count) {
  std::vector<FsKey> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(Key(static_cast<uint8_t>(i)));
  return keys;
}

TEST(InoMapper, S1OneFilesystemShowsRealNumbers) {
  const InoMapper with_upper(Keys(1), true, false);
  EXPECT_EQ(with_upper.Map(0, 42), 42u);
  EXPECT_EQ(with_upper.Map(0, ~uint64_t{0}), ~uint64_t{0});
  const InoMapper read_only(Keys(2), false, true);
  EXPECT_EQ(read_only.Map(1, uint64_t{1} << 63), uint64_t{1} << 63);
}

TEST(InoMapper, S3BitsAsTheKernelTakesThem) {
  EXPECT_EQ(InoMapper(Keys(2), true, false).bits(), 2u);
  EXPECT_EQ(InoMapper(Keys(3), true, false).bits(), 3u);
  EXPECT_EQ(InoMapper(Keys(4), true, false).bits(), 3u);
  EXPECT_EQ(InoMapper(Keys(5), true, false).bits(), 4u);
  EXPECT_EQ(InoMapper(Keys(3), false, false).bits(), 3u);
  EXPECT_EQ(InoMapper(Keys(2), true, true).bits(), 32u);
  EXPECT_EQ(InoMapper(Keys(1), true, true).bits(), 0u);
  EXPECT_EQ(InoMapper(Keys(2), false, true).bits(), 0u);
}

TEST(InoMapper, S3CompositionAsObserved) {
  const InoMapper mapper(Keys(2), true, false);
  EXPECT_EQ(mapper.Map(1, 0x180083), 0x8000000000180083);
  EXPECT_EQ(mapper.Map(0, 0x180083), 0x180083u);
  const InoMapper ino32(Keys(3), true, true);
  EXPECT_EQ(ino32.Map(2, 12), (uint64_t{2} << 33) | 12);
}

TEST(InoMapper, S4OverflowNeverMeetsComposedNumbersOrOtherFilesystems) {
  const InoMapper mapper(Keys(3), true, false);  // 61 bits fit
  const uint64_t big = uint64_t{1} << 61;
  std::set<uint64_t> seen;
  for (size_t fs = 0; fs < 3; ++fs) {
    for (uint64_t i = 0; i < 1000; ++i) {
      EXPECT_TRUE(seen.insert(mapper.Map(fs, i)).second);
      EXPECT_TRUE(seen.insert(mapper.Map(fs, big - 1 - i)).second);
      const uint64_t overflowed = mapper.Map(fs, big + i);
      EXPECT_TRUE(seen.insert(overflowed).second);
      EXPECT_EQ(overflowed >> 61, fs << 1 | 1);
    }
  }
}

TEST(InoMapper, S5OverflowDependsOnTheFilesystemOnly) {
  const uint64_t big = uint64_t{0xabc} << 52;
  const uint64_t shown = InoMapper({Key(1), Key(2)}, true, false).Map(1, big);
  EXPECT_EQ(InoMapper({Key(9), Key(2)}, true, false).Map(1, big), shown);
  EXPECT_NE(InoMapper({Key(1), Key(3)}, true, false).Map(1, big), shown);
  EXPECT_NE(InoMapper({Key(1), Key(2, 256)}, true, false).Map(1, big), shown);
}

// The published vector of SipHash-2-4 for key 00..0f and message 00..0f pins the numbers for good.
TEST(InoMapper, HashIsSipHash) {
  FsKey key;
  for (size_t i = 0; i < key.uuid.size(); ++i) key.uuid[i] = static_cast<uint8_t>(i);
  key.subvolume = 0x0706050403020100;
  const InoMapper mapper({Key(1), key}, true, true);  // the low 32 bits of the hash show
  EXPECT_EQ(mapper.Map(1, 0x0f0e0d0c0b0a0908) & 0xffffffff, 0x3f2acc7f57c29bdb & 0xffffffff);
}

}  // namespace
}  // namespace plyfs
