#include "fuse/encode.h"

#include <sys/stat.h>

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

plyfs::Attr SomeAttr() {
  plyfs::Attr attr;
  attr.ino = 77;
  attr.size = 1000;
  attr.blocks = 8;
  attr.atime = {-5, 1};
  attr.mtime = {6, 2};
  attr.ctime = {7, 999999999};
  attr.btime = {4, 3};
  attr.mode = S_IFCHR | 04711;
  attr.nlink = 3;
  attr.uid = 10;
  attr.gid = 20;
  attr.rdev_major = 259;
  attr.rdev_minor = 0x12345;
  attr.blksize = 4096;
  return attr;
}

TEST(Encoder, EntryCarriesEverything) {
  const Encoder encoder(IdMaps{IdMap({{0, 1000, 100}}, -1), IdMap({}, 9)}, -1);
  const wire::EntryOut out = encoder.Entry({(uint64_t{5} << 32) | 4, SomeAttr(), 60, 30});
  EXPECT_EQ(out.nodeid, 0x500000004u);
  EXPECT_EQ(out.generation, 0u);
  EXPECT_EQ(out.entry_valid, 60u);
  EXPECT_EQ(out.attr_valid, 30u);
  EXPECT_EQ(out.attr.ino, 77u);
  EXPECT_EQ(out.attr.size, 1000u);
  EXPECT_EQ(static_cast<int64_t>(out.attr.atime), -5);
  EXPECT_EQ(out.attr.ctimensec, 999999999u);
  EXPECT_EQ(out.attr.mode, static_cast<uint32_t>(S_IFCHR | 04711));
  EXPECT_EQ(out.attr.uid, 1010u);
  EXPECT_EQ(out.attr.gid, 9u);
  EXPECT_EQ(out.attr.rdev, EncodeDevice(259, 0x12345));
}

TEST(Encoder, DevicesAreEncodedAsTheKernelDoes) {
  EXPECT_EQ(EncodeDevice(8, 1), 0x801u);
  EXPECT_EQ(EncodeDevice(0xfff, 0xfffff), 0xffffffffu);
  EXPECT_EQ(EncodeDevice(1, 0x100), 0x100100u);
}

TEST(Encoder, AbsentNameHasTimeoutAndNothingElse) {
  const wire::EntryOut out = Encoder(IdMaps{}, -1).Entry({0, SomeAttr(), 60, 30});
  EXPECT_EQ(out.nodeid, 0u);
  EXPECT_EQ(out.entry_valid, 60u);
  EXPECT_EQ(out.attr_valid, 0u);
  EXPECT_EQ(out.attr.ino, 0u);
}

TEST(Encoder, TimeoutOptionOverridesTheEngine) {
  const wire::EntryOut half = Encoder(IdMaps{}, 2.5).Entry({4, SomeAttr(), 60, 30});
  EXPECT_EQ(half.entry_valid, 2u);
  EXPECT_EQ(half.entry_valid_nsec, 500000000u);
  EXPECT_EQ(half.attr_valid, 2u);
  const wire::AttrOut none = Encoder(IdMaps{}, 0).Attr({SomeAttr(), 30});
  EXPECT_EQ(none.attr_valid, 0u);
  EXPECT_EQ(none.attr_valid_nsec, 0u);
  EXPECT_EQ(Encoder(IdMaps{}, 1e300).Attr({SomeAttr(), 30}).attr_valid, 1000000000000000u);
}

TEST(Encoder, StatxHasBirthTimeWhereKnown) {  // F23
  plyfs::Attr attr = SomeAttr();
  wire::StatxOut out = Encoder(IdMaps{}, -1).Statx({attr, 5});
  EXPECT_EQ(out.attr_valid, 5u);
  EXPECT_EQ(out.stat.mask, static_cast<uint32_t>(STATX_BASIC_STATS | STATX_BTIME));
  EXPECT_EQ(out.stat.btime.sec, 4);
  EXPECT_EQ(out.stat.atime.sec, -5);
  EXPECT_EQ(out.stat.rdev_minor, 0x12345u);
  attr.btime = {};
  EXPECT_EQ(Encoder(IdMaps{}, -1).Statx({attr, 5}).stat.mask, static_cast<uint32_t>(STATX_BASIC_STATS));
}

TEST(Encoder, OpenFlags) {
  EXPECT_EQ(Encoder::Open({9, true, false, false}).open_flags, wire::kOpenKeepCache);
  EXPECT_EQ(Encoder::Open({9, true, true, false}).open_flags, wire::kOpenKeepCache | wire::kOpenCacheDir);
  EXPECT_EQ(Encoder::Open({9, false, false, true}).open_flags, wire::kOpenDirectIo);
  EXPECT_EQ(Encoder::Open({9, false, false, false}).fh, 9u);
}

TEST(ListingWriter, RecordsArePaddedWithZerosAndBounded) {
  std::vector<char> room(2 * 32, 'x');
  ListingWriter listing(room);
  ASSERT_TRUE(listing.Add({"abc", 5, 8, 111}));
  EXPECT_EQ(listing.size(), 32u);
  ASSERT_TRUE(listing.Add({"12345678", 6, 4, 112}));
  EXPECT_EQ(listing.size(), 64u);
  EXPECT_FALSE(listing.Add({"d", 7, 8, 113}));
  EXPECT_EQ(listing.size(), 64u);

  wire::Dirent first;
  std::memcpy(&first, room.data(), sizeof first);
  EXPECT_EQ(first.ino, 5u);
  EXPECT_EQ(first.off, 111u);
  EXPECT_EQ(first.namelen, 3u);
  EXPECT_EQ(first.type, 8u);
  EXPECT_EQ(std::string(room.data() + 24, 8), std::string("abc\0\0\0\0\0", 8));
}

TEST(ListingWriter, OneByteShortIsNoRoom) {
  std::vector<char> room(31);
  EXPECT_FALSE(ListingWriter(room).Add({"abc", 5, 8, 1}));
  std::vector<char> plus_room(159);
  EXPECT_FALSE(ListingWriter(plus_room).AddPlus({"abc", 5, 8, 1}, wire::EntryOut{}));
  plus_room.resize(160);
  EXPECT_TRUE(ListingWriter(plus_room).AddPlus({"abcdefgh", 5, 8, 1}, wire::EntryOut{}));
}

TEST(ListingWriter, ListedNodesAreFoundAgain) {
  std::vector<char> room(4096);
  ListingWriter listing(room);
  wire::EntryOut entry{};
  for (uint64_t node : {11u, 0u, 13u}) {
    entry.nodeid = node;
    ASSERT_TRUE(listing.AddPlus({std::string(node + 1, 'n'), 5, 8, 1}, entry));
  }
  std::vector<uint64_t> seen;
  ForEachListedNode(std::span<const char>(room).first(listing.size()),
                    [&](uint64_t node) { seen.push_back(node); });
  EXPECT_EQ(seen, (std::vector<uint64_t>{11, 13}));
}

}  // namespace
}  // namespace plyfs::fuse
