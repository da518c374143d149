#include "fuse/id_map.h"

#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

TEST(IdMap, WithoutRangesIsIdentity) {
  IdMap map;
  EXPECT_TRUE(map.identity());
  EXPECT_EQ(map.Seen(4294967295u), 4294967295u);
  EXPECT_EQ(*map.Disk(7), 7u);
  EXPECT_EQ(map.Maker(0), 0u);
}

TEST(IdMap, RangeMapsBothWays) {
  IdMap map({{0, 100000, 65536}}, -1);
  EXPECT_EQ(map.Seen(0), 100000u);
  EXPECT_EQ(map.Seen(65535), 165535u);
  EXPECT_EQ(*map.Disk(100005), 5u);
}

TEST(IdMap, OutsideTheRanges) {
  IdMap map({{0, 100000, 10}, {20, 200000, 5}}, -1);
  EXPECT_EQ(map.Seen(10), IdMap::kOverflow);
  EXPECT_EQ(map.Seen(19), IdMap::kOverflow);
  EXPECT_EQ(map.Seen(24), 200004u);
  EXPECT_EQ(map.Disk(99999).error(), EINVAL);
  EXPECT_EQ(map.Disk(100010).error(), EINVAL);
  EXPECT_EQ(map.Maker(0), IdMap::kOverflow);
}

TEST(IdMap, RangeAtTheEndOfTheNumbersDoesNotWrap) {
  IdMap map({{4294967290u, 1000, 5}}, -1);
  EXPECT_EQ(map.Seen(4294967294u), 1004u);
  EXPECT_EQ(map.Seen(4294967295u), IdMap::kOverflow);
  EXPECT_EQ(map.Seen(0), IdMap::kOverflow);
}

TEST(IdMap, SquashShowsOneOwnerAndWinsOverRanges) {
  IdMap map({{0, 100000, 10}}, 77);
  EXPECT_TRUE(map.squashes());
  EXPECT_EQ(map.Seen(3), 77u);
  EXPECT_EQ(map.Seen(999999), 77u);
  EXPECT_EQ(*map.Disk(100003), 3u);
}

std::string Acl(std::initializer_list<std::pair<uint16_t, uint32_t>> entries, uint32_t version = 2) {
  std::string value(reinterpret_cast<const char*>(&version), 4);
  for (auto [tag, id] : entries) {
    const uint16_t perm = 7;
    value.append(reinterpret_cast<const char*>(&tag), 2);
    value.append(reinterpret_cast<const char*>(&perm), 2);
    value.append(reinterpret_cast<const char*>(&id), 4);
  }
  return value;
}

TEST(IdMap, AclNamesAreMappedAndOwnersAreNot) {
  IdMaps maps{IdMap({{0, 1000, 100}}, -1), IdMap({{0, 2000, 100}}, -1)};
  std::string acl = Acl({{0x01, 0xffffffff}, {0x02, 5}, {0x08, 6}, {0x20, 0xffffffff}});
  ShowAcl(maps, acl);
  EXPECT_EQ(acl, Acl({{0x01, 0xffffffff}, {0x02, 1005}, {0x08, 2006}, {0x20, 0xffffffff}}));
  ASSERT_TRUE(StoreAcl(maps, acl).ok());
  EXPECT_EQ(acl, Acl({{0x01, 0xffffffff}, {0x02, 5}, {0x08, 6}, {0x20, 0xffffffff}}));
}

TEST(IdMap, AclOfAnUnmappedUserCannotBeStored) {
  IdMaps maps{IdMap({{0, 1000, 100}}, -1), IdMap()};
  std::string acl = Acl({{0x02, 5}});
  EXPECT_EQ(StoreAcl(maps, acl).error(), EINVAL);
}

TEST(IdMap, WhatIsNoAclIsLeftAlone) {
  IdMaps maps{IdMap({{0, 1000, 100}}, -1), IdMap()};
  for (std::string value : {std::string(), std::string("abc"), Acl({{0x02, 5}}, 3), Acl({{0x02, 5}}) + "x"}) {
    const std::string before = value;
    ShowAcl(maps, value);
    EXPECT_TRUE(StoreAcl(maps, value).ok());
    EXPECT_EQ(value, before);
  }
}

}  // namespace
}  // namespace plyfs::fuse
