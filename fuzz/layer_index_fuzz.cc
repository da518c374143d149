// Headers, pages, blocks and hashes of LayerIndex files, and files written from made-up directories.  The
// first byte says which ('@' a header, 'A' a page, 'B' a block, 'C' the hashes of pages, 'D' directories,
// 'E' a block written from these and then damaged in places); checksums are made right, so that what lies
// behind them is reached.  What is accepted is read whole, and what a block holds is written and read again:
// it must come back.
//
// unit: engine/format/layer_index.cc engine/format/layer_index_block.cc
// unit: engine/format/layer_index_encoder.cc engine/format/layer_index_hash.cc
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/name.h"
#include "engine/format/layer_index.h"
#include "engine/format/layer_index_block.h"
#include "engine/format/little_endian.h"
#include "fuzz/input.h"

namespace plyfs {
namespace {

using fuzz::Require;

void Header(std::string bytes) {
  bytes.resize(kIndexHeaderSize);
  StoreLittle(&bytes, 16, IndexChecksum(std::string_view(bytes).substr(24)));
  const char* why = nullptr;
  auto header = ParseIndexHeader(bytes, LoadLittle<uint64_t>(bytes, 24), &why);
  Require(header || why != nullptr);
  if (!header) return;
  Require(ParseIndexHeader(EncodeIndexHeader(*header), header->file_size(), &why) == header);
  Require(!ParseIndexHeader(bytes, header->file_size() + 1, &why));
  // A damaged file is another one.
  std::string damaged = EncodeIndexHeader(*header);
  damaged[24 + bytes[24] % 64] ^= 1;
  Require(!ParseIndexHeader(damaged, header->file_size(), &why));
  for (const char c : IndexFileName(header->layer)) Require(c > ' ' && c != '/');
}

// The hashes of as many pages as there are.
void Hashes(std::string bytes) {
  IndexHeader header;
  header.pages = static_cast<uint32_t>(bytes.size() / 8);
  header.hashes_checksum = IndexChecksum(bytes);
  const auto hashes = ParsePageHashes(bytes, header);
  if (!hashes) return;
  Require(hashes->size() == header.pages && std::is_sorted(hashes->begin(), hashes->end()));
  ++header.hashes_checksum;
  Require(!ParsePageHashes(bytes, header));
}

void Page(std::string bytes) {
  if (bytes.size() >= 8) StoreLittle(&bytes, 0, IndexChecksum(std::string_view(bytes).substr(8)));
  auto page = IndexPage::Parse(bytes);
  if (!page) return;
  bytes[8] ^= 1;
  Require(!IndexPage::Parse(bytes));
  std::vector<IndexSlot> slots;
  for (size_t i = 0; i < page->size(); ++i) {
    slots.push_back(page->slot(i));
    Require(page->LowerBound(slots.back().path_hash) <= i);
  }
  // Told what the page can hold, it finds the same.
  const uint64_t least = slots.front().path_hash, greatest = slots.back().path_hash;
  for (const IndexSlot& slot : slots) {
    const size_t at = page->LowerBound(slot.path_hash);
    Require(slots[at].path_hash == slot.path_hash && page->LowerBound(slot.path_hash, least, greatest) == at);
    if (slot.path_hash != ~uint64_t{0}) Require(page->LowerBound(slot.path_hash + 1, least, greatest) > at);
  }
  if (least > 0) Require(page->LowerBound(least - 1, least, greatest) == 0);
  Require(IndexPage::Parse(EncodeIndexPage(slots)).has_value());
}

bool SameEntry(const IndexEntry& a, const IndexEntry& b) {
  return a.name == b.name && a.attr.ino == b.attr.ino && a.attr.mode == b.attr.mode &&
         a.attr.mtime == b.attr.mtime && a.target == b.target && a.records == b.records &&
         a.others == b.others && a.ask_layer == b.ask_layer && a.has_birth == b.has_birth;
}

// Writes the part's entries as a directory of their own and compares.
void WriteAgain(const IndexPart& part) {
  if (!part.first()) return;
  std::vector<IndexEntry> entries;
  for (size_t i = 0; i < part.size(); ++i) entries.push_back(part.entry(i).ToEntry());
  std::string written;
  IndexEncoder encoder(IndexHashKey{}, [&](std::string_view bytes) {
    written += bytes;
    return OkStatus();
  });
  Require(encoder.AddDirectory(part.path(), entries).ok());
  auto header = encoder.Finish(IndexHeader());
  Require(header.ok());
  // A part fits into one block.
  auto block = IndexBlock::Parse(written.substr(0, header->block_size(0)));
  Require(block.has_value());
  auto again = block->part(0);
  Require(again && again->size() == entries.size() && again->path() == part.path());
  for (size_t i = 0; i < entries.size(); ++i) Require(SameEntry(again->entry(i).ToEntry(), entries[i]));
}

void Block(std::string bytes) {
  if (bytes.size() >= 8) StoreLittle(&bytes, 0, IndexChecksum(std::string_view(bytes).substr(8)));
  auto block = IndexBlock::Parse(bytes);
  if (!block) return;
  bytes[8] ^= 1;
  Require(!IndexBlock::Parse(bytes));
  Require(!IndexBlock::Parse(bytes + std::string(kIndexBlockSize, '\0')));
  Require(!block->part(static_cast<uint32_t>(block->parts())));
  for (uint32_t number = 0; number < block->parts(); ++number) {
    auto part = block->part(number);
    Require(part.has_value() && !part->Find("no/name"));
    for (std::string_view name : fuzz::Pieces(part->path(), '/')) {
      Require(part->path().empty() || Name::Parse(name).ok());
    }
    for (size_t i = 0; i < part->size(); ++i) {
      const IndexEntryView view = part->entry(i);
      Require(part->Find(view.name()).has_value());
      (void)view.record("trusted.overlay.opaque");
    }
    WriteAgain(*part);
  }
}

std::string_view Some(fuzz::Input& in) {
  return in.Bytes(in.Byte());
}

// Of any shape; large ones repeat what little the input says.
IndexEntry EntryOf(fuzz::Input& in) {
  constexpr uint32_t kModes[] = {S_IFREG | 0644, S_IFDIR | 0755, S_IFLNK | 0777,
                                 S_IFCHR | 0600, S_IFBLK,        S_IFIFO};
  IndexEntry entry;
  in.Flags();
  entry.attr.mode = kModes[in.Byte() % 6];
  entry.attr.ino = in.Number16();
  entry.attr.mtime = {static_cast<int64_t>(in.Number16()) << 30, in.Byte()};
  if (S_ISCHR(entry.attr.mode)) entry.attr.rdev_major = in.Byte();
  entry.has_birth = in.Bit(0);
  entry.others = in.Bit(1);
  entry.ask_layer = in.Bit(2);
  entry.holds_nothing = in.Bit(3) && S_ISDIR(entry.attr.mode);
  const size_t times = in.Bit(4) ? 40 : 1;
  if (S_ISLNK(entry.attr.mode)) {
    const std::string target(Some(in));
    for (size_t i = 0; i < times; ++i) entry.target += target;
    if (entry.target.find('\0') != entry.target.npos) entry.target = "t";
  }
  if (in.Bit(5)) {
    const std::string value(Some(in));
    entry.records.emplace_back("trusted.overlay.redirect", value);
    for (size_t i = 1; i < times; ++i) entry.records.emplace_back("user.overlay." + std::to_string(i), value);
  }
  return entry;
}

std::vector<IndexEntry> EntriesOf(fuzz::Input& in) {
  std::vector<IndexEntry> entries(1);
  entries[0].attr.mode = S_IFDIR;
  const size_t count = in.Byte() % 24;
  const std::string stem(Some(in));
  const IndexEntry entry = EntryOf(in);
  for (size_t i = 0; i < count; ++i) {
    entries.push_back(entry);
    entries.back().name = (stem + std::to_string(1000 + i)).substr(0, 255);
    if (Name::Parse(entries.back().name).ok()) continue;
    entries.back().name = std::to_string(1000 + i);
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto same = [](const auto& a, const auto& b) { return a.name == b.name; };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  return entries;
}

// What is too long for the format is left to the layer.
bool Kept(const IndexEntry& given, const IndexEntry& read) {
  return read.ask_layer ? given.name == read.name && given.attr.ino == read.attr.ino : SameEntry(given, read);
}

using Given = std::vector<std::pair<std::string, std::vector<IndexEntry>>>;

// The file that is written of what the input says, but for its header.
IndexHeader Write(fuzz::Input& in, std::string* written, Given* into) {
  std::string& file = *written;
  Given& given = *into;
  IndexEncoder encoder(IndexHashKey{1}, [&](std::string_view bytes) {
    file += bytes;
    return OkStatus();
  });
  for (size_t i = 0; i < 6 && (i == 0 || !in.empty()); ++i) {
    std::string path = std::to_string(i);
    for (size_t steps = in.Byte(); steps > 0; --steps) path += "/pppppppppppppp";
    given.emplace_back(path, EntriesOf(in));
    Require(IndexEncoder::Fits(path) && encoder.AddDirectory(path, given.back().second).ok());
  }
  const Result<IndexHeader> header = encoder.Finish(IndexHeader());
  Require(header.ok() && header->directories == given.size());
  Require(header->file_size() == kIndexHeaderSize + file.size());
  return *header;
}

// A file as it is written, read from its front to its end.
void Directories(fuzz::Input in) {
  std::string file;
  Given given;
  const IndexHeader written = Write(in, &file, &given);
  const IndexHeader* header = &written;
  std::vector<IndexBlock> blocks;
  for (uint32_t i = 0; i < header->blocks; ++i) {
    const size_t at = header->block_at(i) - kIndexHeaderSize;
    auto block = IndexBlock::Parse(std::string_view(file).substr(at, header->block_size(i)));
    Require(block.has_value());
    blocks.push_back(std::move(*block));
  }
  const auto page =
      IndexPage::Parse(file.substr(header->page_at(0) - kIndexHeaderSize, header->page_size(0)));
  Require(page.has_value());
  for (const auto& [path, entries] : given) {
    const uint64_t hash = IndexPathHash(header->hash_key, path);
    const IndexSlot slot = page->slot(page->LowerBound(hash));
    Require(slot.path_hash == hash);
    size_t found = 0;
    auto part = blocks[slot.block].part(slot.part);
    Require(part && part->path() == path && part->first());
    for (uint32_t number = 0, parts = part->number(); number < parts; ++number) {
      if (number > 0) part = blocks[slot.block + number].part(0);
      Require(part && part->path() == path && (number == 0 || part->number() == number));
      for (size_t i = 0; i < part->size(); ++i, ++found) {
        Require(found < entries.size() && Kept(entries[found], part->entry(i).ToEntry()));
      }
    }
    Require(found == entries.size());
  }
}

// Bytes to change come first: how many, then where and to what.
void Damaged(fuzz::Input in) {
  std::vector<std::pair<size_t, char>> changes(in.Byte() % 8);
  for (auto& [at, to] : changes) {
    at = in.Number16();
    to = static_cast<char>(in.Byte());
  }
  const size_t cut = in.Byte();
  std::string file;
  Given given;
  const IndexHeader header = Write(in, &file, &given);
  std::string block = file.substr(0, header.block_size(0));
  for (const auto& [at, to] : changes) block[at % block.size()] = to;
  block.resize(block.size() - std::min(cut, block.size()));
  Block(std::move(block));
}

}  // namespace
}  // namespace plyfs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] & 7) {
    case 0:
      plyfs::Header(std::move(rest));
      break;
    case 1:
      plyfs::Page(std::move(rest));
      break;
    case 3:
      plyfs::Hashes(std::move(rest));
      break;
    case 4:
      plyfs::Directories(plyfs::fuzz::Input(rest));
      break;
    case 5:
      plyfs::Damaged(plyfs::fuzz::Input(rest));
      break;
    default:
      plyfs::Block(std::move(rest));
  }
  return 0;
}
