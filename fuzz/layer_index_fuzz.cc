// Headers, pages and blocks of LayerIndex files.  The first byte says which; the checksum is made right, so
// that what lies behind it is reached.  What is accepted is read whole, and what a block holds is written and
// read again: it must come back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/format/layer_index.h"
#include "engine/format/layer_index_block.h"
#include "engine/format/little_endian.h"

namespace plyfs {
namespace {

void Require(bool what) {
  if (!what) std::abort();
}

void Header(std::string bytes) {
  bytes.resize(kIndexHeaderSize);
  StoreLittle(&bytes, 16, IndexChecksum(std::string_view(bytes).substr(24)));
  const char* why = nullptr;
  auto header = ParseIndexHeader(bytes, LoadLittle<uint64_t>(bytes, 24), &why);
  Require(header || why != nullptr);
  if (header) Require(ParseIndexHeader(EncodeIndexHeader(*header), header->file_size(), &why) == header);
}

void Page(std::string bytes) {
  if (bytes.size() >= 8) StoreLittle(&bytes, 0, IndexChecksum(std::string_view(bytes).substr(8)));
  auto page = IndexPage::Parse(std::move(bytes));
  if (!page) return;
  std::vector<IndexSlot> slots;
  for (size_t i = 0; i < page->size(); ++i) {
    slots.push_back(page->slot(i));
    Require(page->LowerBound(slots.back().path_hash) <= i);
  }
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
  auto block = IndexBlock::Parse(std::move(bytes));
  if (!block) return;
  for (uint32_t number = 0; number < block->parts(); ++number) {
    auto part = block->part(number);
    Require(part.has_value());
    for (size_t i = 0; i < part->size(); ++i) {
      const IndexEntryView view = part->entry(i);
      Require(part->Find(view.name()).has_value());
      (void)view.record("trusted.overlay.opaque");
    }
    WriteAgain(*part);
  }
}

}  // namespace
}  // namespace plyfs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      plyfs::Header(std::move(rest));
      break;
    case 1:
      plyfs::Page(std::move(rest));
      break;
    default:
      plyfs::Block(std::move(rest));
  }
  return 0;
}
