#include "engine/format/layer_index.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "engine/format/layer_index_block.h"
#include "engine/format/little_endian.h"

namespace plyfs {
namespace {

IndexEntry Entry(const std::string& name, uint32_t mode = S_IFREG | 0644) {
  IndexEntry e;
  e.name = name;
  e.attr.ino = 1000 + name.size();
  e.attr.size = 77;
  e.attr.blocks = 8;
  e.attr.atime = {-5, 1};
  e.attr.mtime = {1'700'000'000, 999'999'999};
  e.attr.ctime = {1'700'000'001, 3};
  e.attr.btime = {1'600'000'000, 4};
  e.attr.mode = mode;
  e.attr.nlink = 3;
  e.attr.uid = 0xfffffffe;
  e.attr.gid = 100;
  e.attr.blksize = 4096;
  e.has_birth = true;
  return e;
}

IndexEntry Self() {
  return Entry("", S_IFDIR | 0755);
}

// A file being written, and what a reader finds in it by way of the table.
struct File {
  IndexHashKey key{1, 2, 3};
  std::string bytes = std::string(kIndexHeaderSize, '\0');
  IndexEncoder encoder{key, [this](std::string_view part) {
                         bytes += part;
                         return OkStatus();
                       }};
  IndexHeader header;

  void Finish() {
    IndexHeader about;
    about.layer.uuid[3] = 9;
    about.layer.handle_type = 1;
    about.layer.handle = "handle!!";
    about.root_ctime = {12, 34};
    about.made = {56, 78};
    about.trusted = true;
    about.acls = true;
    auto finished = encoder.Finish(about);
    ASSERT_TRUE(finished.ok());
    header = *finished;
    bytes.replace(0, kIndexHeaderSize, EncodeIndexHeader(header));
  }

  std::string Block(uint32_t i) const { return bytes.substr(header.block_at(i), header.block_size(i)); }
  std::string Page(uint32_t i) const { return bytes.substr(header.page_at(i), header.page_size(i)); }

  // Name -> entry of the directory, itself included; empty: not there.
  std::map<std::string, IndexEntry> Read(const std::string& path) const {
    std::map<std::string, IndexEntry> found;
    const uint64_t hash = IndexPathHash(key, path);
    for (uint32_t p = 0; p < header.pages; ++p) {
      auto page = IndexPage::Parse(Page(p));
      EXPECT_TRUE(page);
      for (size_t i = page->LowerBound(hash); i < page->size() && page->slot(i).path_hash == hash; ++i) {
        ReadAt(page->slot(i), path, &found);
      }
    }
    return found;
  }

  void ReadAt(const IndexSlot& slot, const std::string& path,
              std::map<std::string, IndexEntry>* found) const {
    uint32_t parts = 1;
    for (uint32_t i = 0; i < parts; ++i) {
      auto block = IndexBlock::Parse(Block(slot.block + i));
      ASSERT_TRUE(block);
      auto part = block->part(i == 0 ? slot.part : 0);
      ASSERT_TRUE(part);
      ASSERT_EQ(part->path(), path);
      ASSERT_EQ(part->first(), i == 0);
      if (i == 0) parts = part->number();
      if (i > 0) {
        ASSERT_EQ(part->number(), i);
      }
      for (size_t e = 0; e < part->size(); ++e) {
        IndexEntry entry = part->entry(e).ToEntry();
        auto again = part->Find(entry.name);
        ASSERT_TRUE(again);
        ASSERT_EQ(again->ToEntry().attr.ino, entry.attr.ino);
        ASSERT_TRUE(found->emplace(entry.name, entry).second);
      }
    }
  }
};

// Over the same bytes with another checksum: what a hostile writer would do.
std::string Sealed(std::string bytes, size_t from) {
  StoreLittle(&bytes, from == 8 ? 0 : 16, IndexChecksum(std::string_view(bytes).substr(from)));
  return bytes;
}

TEST(LayerIndex, AllThatAnEntryHoldsComesBack) {
  File file;
  IndexEntry link = Entry("link", S_IFLNK | 0777);
  link.target = "to/where";
  IndexEntry device = Entry("null", S_IFCHR | 0666);
  device.attr.rdev_major = 1;
  device.attr.rdev_minor = 3;
  IndexEntry dir = Entry("sub", S_IFDIR | 01777);
  dir.records = {{"trusted.overlay.opaque", "y"}, {"user.overlay.redirect", std::string("/a\0b", 4)}};
  dir.others = true;
  dir.holds_nothing = true;
  IndexEntry strange = Entry("x", S_IFSOCK | 07777);
  strange.ask_layer = true;
  strange.has_birth = false;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self(), link, device, dir, strange}).ok());
  file.Finish();
  auto read = file.Read("");
  ASSERT_EQ(read.size(), 5u);
  for (const IndexEntry& e : {Self(), link, device, dir, strange}) {
    const IndexEntry& r = read[e.name];
    EXPECT_EQ(r.attr.ino, e.attr.ino);
    EXPECT_EQ(r.attr.size, e.attr.size);
    EXPECT_EQ(r.attr.blocks, e.attr.blocks);
    EXPECT_EQ(r.attr.atime, e.attr.atime);
    EXPECT_EQ(r.attr.mtime, e.attr.mtime);
    EXPECT_EQ(r.attr.ctime, e.attr.ctime);
    EXPECT_EQ(r.attr.btime, e.attr.btime);
    EXPECT_EQ(r.attr.mode, e.attr.mode);
    EXPECT_EQ(r.attr.nlink, e.attr.nlink);
    EXPECT_EQ(r.attr.uid, e.attr.uid);
    EXPECT_EQ(r.attr.gid, e.attr.gid);
    EXPECT_EQ(r.attr.blksize, e.attr.blksize);
    EXPECT_EQ(r.attr.rdev_major, e.attr.rdev_major);
    EXPECT_EQ(r.attr.rdev_minor, e.attr.rdev_minor);
    EXPECT_EQ(r.has_birth, e.has_birth);
    EXPECT_EQ(r.target, e.target);
    EXPECT_EQ(r.records, e.records);
    EXPECT_EQ(r.others, e.others);
    EXPECT_EQ(r.ask_layer, e.ask_layer);
    EXPECT_EQ(r.holds_nothing, e.holds_nothing);
  }
}

TEST(LayerIndex, RecordsAreFoundByTheirFullNames) {
  File file;
  IndexEntry self = Self();
  self.records = {{"trusted.overlay.opaque", "y"}, {"user.overlay.opaque", "x"}};
  ASSERT_TRUE(file.encoder.AddDirectory("", {self}).ok());
  file.Finish();
  auto block = IndexBlock::Parse(file.Block(0));
  IndexEntryView view = block->part(0)->entry(0);
  EXPECT_EQ(view.record("trusted.overlay.opaque"), "y");
  EXPECT_EQ(view.record("user.overlay.opaque"), "x");
  EXPECT_EQ(view.record("trusted.overlay.redirect"), std::nullopt);
}

TEST(LayerIndex, HeaderComesBack) {
  File file;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self()}).ok());
  file.Finish();
  const char* why = nullptr;
  auto parsed = ParseIndexHeader(file.bytes.substr(0, kIndexHeaderSize), file.bytes.size(), &why);
  ASSERT_TRUE(parsed) << why;
  EXPECT_EQ(*parsed, file.header);
  EXPECT_EQ(file.header.file_size(), file.bytes.size());
}

TEST(LayerIndex, ManyDirectoriesAndALargeOne) {
  File file;
  std::vector<IndexEntry> large{Self()};
  for (int i = 0; i < 3000; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "n%06d", i);
    large.push_back(Entry(name));
  }
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self(), Entry("big", S_IFDIR | 0755)}).ok());
  ASSERT_TRUE(file.encoder.AddDirectory("big", large).ok());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(
        file.encoder.AddDirectory("d" + std::to_string(i), {Self(), Entry("f" + std::to_string(i))}).ok());
  }
  file.Finish();
  EXPECT_GT(file.header.blocks, 10u);
  EXPECT_EQ(file.header.pages, 4u);
  EXPECT_EQ(file.header.directories, 1002u);
  EXPECT_EQ(file.Read("big").size(), 3001u);
  EXPECT_EQ(file.Read("d999").count("f999"), 1u);
  EXPECT_TRUE(file.Read("d1000").empty());
  auto hashes = ParsePageHashes(file.bytes.substr(file.header.hashes_at()), file.header);
  ASSERT_TRUE(hashes);
  for (uint32_t p = 0; p < file.header.pages; ++p) {
    EXPECT_EQ((*hashes)[p], IndexPage::Parse(file.Page(p))->slot(0).path_hash);
  }
}

TEST(LayerIndex, WhatIsTooLongIsLeftToTheLayer) {
  File file;
  IndexEntry self = Self();
  self.records = {{"trusted.overlay.opaque", std::string(60000, 'y')}};
  IndexEntry link = Entry("l", S_IFLNK | 0777);
  link.target = std::string(5000, 't');
  ASSERT_TRUE(file.encoder.AddDirectory("", {self, link}).ok());
  file.Finish();
  auto read = file.Read("");
  EXPECT_TRUE(read[""].ask_layer);
  EXPECT_TRUE(read[""].records.empty());
  EXPECT_TRUE(read["l"].ask_layer);
  EXPECT_FALSE(IndexEncoder::Fits(std::string(4096, 'p')));
}

TEST(LayerIndex, LongestPathAndEntryFit) {
  File file;
  std::string path(255, 'd');
  while (path.size() < 3800) path += "/" + std::string(255, 'd');
  IndexEntry longest = Entry(std::string(255, 'n'), S_IFLNK | 0777);
  longest.target = std::string(4095, 't');
  longest.records = {{"trusted.overlay.x", std::string(8000, 'v')}};
  std::vector<IndexEntry> entries{Self()};
  for (char c = 'a'; c <= 'h'; ++c) {
    entries.push_back(longest);
    entries.back().name[0] = c;
  }
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self()}).ok());
  ASSERT_TRUE(file.encoder.AddDirectory(path, entries).ok());
  file.Finish();
  auto read = file.Read(path);
  EXPECT_EQ(read.size(), 9u);
  EXPECT_FALSE(read[entries[1].name].ask_layer);
}

// Any single byte that is another one, anywhere.
TEST(LayerIndex, EveryChangedByteIsNoticed) {
  File file;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self(), Entry("f"), Entry("g")}).ok());
  file.Finish();
  for (size_t i = 0; i < file.bytes.size(); ++i) {
    File damaged;
    damaged.header = file.header;
    damaged.bytes = file.bytes;
    damaged.bytes[i] = static_cast<char>(damaged.bytes[i] ^ 0x10);
    const char* why = nullptr;
    const bool refused = !ParseIndexHeader(damaged.bytes, damaged.bytes.size(), &why) ||
                         !IndexBlock::Parse(damaged.Block(0)) || !IndexPage::Parse(damaged.Page(0)) ||
                         !ParsePageHashes(damaged.bytes.substr(file.header.hashes_at()), file.header);
    EXPECT_TRUE(refused) << i;
  }
}

TEST(LayerIndex, EveryTruncationIsNoticed) {
  File file;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self(), Entry("f")}).ok());
  file.Finish();
  const char* why = nullptr;
  for (size_t size = 0; size < file.bytes.size(); ++size) {
    EXPECT_FALSE(ParseIndexHeader(file.bytes.substr(0, size), size, &why)) << size;
  }
  for (size_t size = 0; size < file.header.block_size(0); ++size) {
    EXPECT_FALSE(IndexBlock::Parse(file.Block(0).substr(0, size))) << size;
  }
  for (size_t size = 0; size < file.header.page_size(0); ++size) {
    EXPECT_FALSE(IndexPage::Parse(file.Page(0).substr(0, size))) << size;
  }
}

TEST(LayerIndex, ForeignFilesAreNamedAsSuch) {
  File file;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self()}).ok());
  file.Finish();
  const char* why = nullptr;
  std::string head = file.bytes.substr(0, kIndexHeaderSize);
  EXPECT_FALSE(ParseIndexHeader(std::string(kIndexHeaderSize, 'x'), kIndexHeaderSize, &why));
  EXPECT_STREQ(why, "not a layer index");
  StoreLittle(&head, 8, uint32_t{1});
  EXPECT_FALSE(ParseIndexHeader(head, file.bytes.size(), &why));
  EXPECT_STREQ(why, "of another version of the format");
}

// Bytes whose checksum is right: each byte of a block takes some other values; what is not refused is read
// whole.
TEST(LayerIndex, HostileBlocksAreRefusedOrHarmless) {
  File file;
  IndexEntry link = Entry("link", S_IFLNK | 0777);
  link.target = "t";
  link.records = {{"user.overlay.x", "v"}};
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self(), link}).ok());
  ASSERT_TRUE(file.encoder.AddDirectory("d/e", {Self(), Entry("z", S_IFBLK | 0600)}).ok());
  file.Finish();
  const std::string good = file.Block(0);
  size_t accepted = 0;
  for (size_t i = 8; i < good.size(); ++i) {
    for (int value : {0, 1, 2, 0x2f, 0x7f, 0x80, 0xff}) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(value);
      auto block = IndexBlock::Parse(Sealed(bytes, 8));
      if (!block) continue;
      ++accepted;
      for (uint32_t number = 0; number < block->parts(); ++number) {
        auto part = block->part(number);
        for (size_t e = 0; e < part->size(); ++e) {
          IndexEntry entry = part->entry(e).ToEntry();
          EXPECT_EQ(entry.name.find('/'), std::string::npos);
          EXPECT_NE(entry.name, "..");
        }
      }
    }
  }
  EXPECT_GT(accepted, 100u);  // sizes and times may be anything
}

TEST(LayerIndex, HostileNamesAndOrdersAreRefused) {
  auto refused = [](std::vector<IndexEntry> entries, const std::string& path = "") {
    File file;
    EXPECT_TRUE(file.encoder.AddDirectory(path, std::move(entries)).ok());
    file.Finish();
    return !IndexBlock::Parse(file.Block(0));
  };
  EXPECT_FALSE(refused({Self(), Entry("a"), Entry("b")}));
  for (const char* name : {".", "..", "a/b", "/"}) EXPECT_TRUE(refused({Self(), Entry(name)})) << name;
  EXPECT_TRUE(refused({Self(), Entry(std::string("a\0b", 3))}));
  EXPECT_TRUE(refused({Self(), Entry("b"), Entry("a")}));
  EXPECT_TRUE(refused({Self(), Entry("a"), Entry("a")}));
  EXPECT_TRUE(refused({Self(), Entry("a", 0644)}));
  EXPECT_TRUE(refused({Entry("", S_IFREG | 0644)}));
  for (const char* path : {"/", "/a", "a/", "a//b", "..", "a/../b", "."}) {
    EXPECT_TRUE(refused({Self()}, path)) << path;
  }
}

TEST(LayerIndex, HeadersWhoseSizesLieAreRefused) {
  File file;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self()}).ok());
  file.Finish();
  const char* why = nullptr;
  for (size_t at : {size_t{32}, size_t{48}, size_t{52}, size_t{56}, size_t{132}}) {
    for (uint32_t value : {0u, 2u, 0x7fffffffu, 0xffffffffu}) {
      std::string head = file.bytes.substr(0, kIndexHeaderSize);
      StoreLittle(&head, at, value);
      EXPECT_FALSE(ParseIndexHeader(Sealed(head, 24), file.bytes.size(), &why)) << at << " " << value;
    }
  }
}

TEST(LayerIndex, SlotsAreFoundWhereverHashesCrowd) {
  for (uint64_t step : {uint64_t{1}, uint64_t{1} << 20, uint64_t{1} << 55}) {
    for (uint64_t first : {uint64_t{0}, uint64_t{12345}, ~uint64_t{0} - 99 * step}) {
      std::vector<IndexSlot> slots;
      for (uint64_t i = 0; i < 100; ++i) slots.push_back(IndexSlot{first + i / 2 * 2 * step, 0, 0});
      auto page = IndexPage::Parse(EncodeIndexPage(slots));
      ASSERT_TRUE(page);
      for (uint64_t least : {uint64_t{0}, first}) {
        for (uint64_t greatest : {~uint64_t{0}, slots.back().path_hash}) {
          for (size_t i = 0; i < slots.size(); ++i) {
            EXPECT_EQ(page->LowerBound(slots[i].path_hash, least, greatest), i / 2 * 2);
            EXPECT_EQ(page->LowerBound(slots[i].path_hash + 1, least, greatest), i / 2 * 2 + 2);
          }
        }
      }
    }
  }
}

TEST(LayerIndex, UnknownFlagsAreRefused) {
  File file;
  ASSERT_TRUE(file.encoder.AddDirectory("", {Self()}).ok());
  file.Finish();
  const char* why = nullptr;
  std::string head = file.bytes.substr(0, kIndexHeaderSize);
  StoreLittle(&head, 60, uint32_t{4});
  EXPECT_FALSE(ParseIndexHeader(Sealed(head, 24), file.bytes.size(), &why));
}

TEST(LayerIndex, PathHashIsSipHash) {
  IndexHashKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  std::string text;
  for (char c = 0; c < 15; ++c) text += c;
  EXPECT_EQ(IndexPathHash(key, text), 0xa129ca6149be45e5u);
  EXPECT_EQ(IndexPathHash(key, ""), 0x726fdb47dd0e0e31u);
}

TEST(LayerIndex, EachLayerHasItsFile) {
  LayerIdentity one, two;
  one.handle = "a";
  two.handle = "b";
  EXPECT_NE(IndexFileName(one), IndexFileName(two));
  EXPECT_EQ(IndexFileName(one).size(), 32 + sizeof(".plyindex") - 1);
}

}  // namespace
}  // namespace plyfs
