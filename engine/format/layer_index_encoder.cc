// Writing: IndexEncoder of layer_index_block.h.
#include <algorithm>

#include "engine/base/bug.h"
#include "engine/format/layer_index_block.h"
#include "engine/format/layer_index_layout.h"
#include "engine/format/little_endian.h"

namespace plyfs {

using namespace layer_index_layout;

namespace {

// A directory that would fit into one block may leave so much of the last one empty rather than be parted.
constexpr size_t kMayStayEmpty = 8192;

void LeaveOutWhatIsTooLong(IndexEntry* entry) {
  size_t records = 0;
  for (const auto& [name, value] : entry->records) {
    records += 3 + name.size() + value.size();
    if (name.size() > kNameMax) records = kRecordsMax + 1;
  }
  if (records > kRecordsMax) {
    entry->records.clear();
    entry->ask_layer = true;
  }
  if (entry->target.size() > kTargetMax || (S_ISLNK(entry->attr.mode) && entry->target.empty())) {
    entry->target.clear();
    entry->ask_layer = true;
  }
}

std::string EncodeEntry(IndexEntry entry) {
  LeaveOutWhatIsTooLong(&entry);
  const Attr& a = entry.attr;
  const bool device = S_ISCHR(a.mode) || S_ISBLK(a.mode);
  std::string extras;
  if (device) {
    AppendLittle(&extras, a.rdev_major);
    AppendLittle(&extras, a.rdev_minor);
  }
  if (!entry.target.empty()) {
    AppendLittle(&extras, static_cast<uint16_t>(entry.target.size()));
    extras += entry.target;
  }
  for (const auto& [name, value] : entry.records) {
    AppendLittle(&extras, static_cast<uint8_t>(name.size()));
    AppendLittle(&extras, static_cast<uint16_t>(value.size()));
    extras += name;
    extras += value;
  }
  const int flags = (entry.has_birth ? kHasBirth : 0) | (device ? kHasDevice : 0) |
                    (entry.target.empty() ? 0 : kHasTarget) | (entry.records.empty() ? 0 : kHasRecords) |
                    (entry.others ? kHasOthers : 0) | (entry.ask_layer ? kAskLayer : 0) |
                    (entry.holds_nothing ? kHoldsNothing : 0);
  std::string bytes(kEntryHead, '\0');
  StoreLittle(&bytes, kIno, a.ino);
  StoreLittle(&bytes, kSize, a.size);
  StoreLittle(&bytes, kBlocks, a.blocks);
  const TimeSpec* times[] = {&a.atime, &a.mtime, &a.ctime, &a.btime};
  for (size_t i = 0; i < 4; ++i) {
    StoreLittle(&bytes, kAtime + i * 8, times[i]->sec);
    StoreLittle(&bytes, kAtimeNs + i * 4, times[i]->nsec);
  }
  StoreLittle(&bytes, kNlink, a.nlink);
  StoreLittle(&bytes, kUid, a.uid);
  StoreLittle(&bytes, kGid, a.gid);
  StoreLittle(&bytes, kBlksize, a.blksize);
  StoreLittle(&bytes, kMode, static_cast<uint16_t>(a.mode));
  StoreLittle(&bytes, kFlags, static_cast<uint16_t>(flags));
  StoreLittle(&bytes, kExtrasSize, static_cast<uint16_t>(extras.size()));
  StoreLittle(&bytes, kNameSize, static_cast<uint8_t>(entry.name.size()));
  return bytes + entry.name + extras;
}

size_t SizeInPart(const std::string& entry) {
  return kPartPerEntry + entry.size();
}

}  // namespace

bool IndexEncoder::Fits(std::string_view path) {
  return path.size() <= kPathMax;
}

// The checksum is filled in when the block is full.
Status IndexEncoder::StartBlock() {
  if (!block_.empty()) {
    StoreLittle(&block_, kBlockUsed, static_cast<uint32_t>(block_.size()));
    block_.resize(kIndexBlockSize);
    StoreLittle(&block_, 0, IndexChecksum(std::string_view(block_).substr(kBlockUsed)));
    PLY_CHECK(sink_(block_));
  }
  block_.assign(kBlockHead, '\0');
  parts_ = 0;
  ++header_.blocks;
  return OkStatus();
}

Status IndexEncoder::AddDirectory(std::string_view path, std::vector<IndexEntry> entries) {
  if (entries.empty() || !entries[0].name.empty() || !Fits(path)) return PLY_BUG("not a directory's entries");
  std::vector<std::string> encoded;
  encoded.reserve(entries.size());
  const size_t head = kPartHead + path.size();
  size_t whole = head;
  for (IndexEntry& entry : entries) {
    encoded.push_back(EncodeEntry(std::move(entry)));
    whole += SizeInPart(encoded.back());
  }
  if (block_.empty()) PLY_CHECK(StartBlock());
  size_t room = kIndexBlockSize - block_.size();
  const bool one_block_holds_it = whole <= kIndexBlockSize - kBlockHead;
  const bool not_here = whole > room && one_block_holds_it && room <= kMayStayEmpty;
  if (not_here || room < head + SizeInPart(encoded[0])) {
    PLY_CHECK(StartBlock());
    room = kIndexBlockSize - kBlockHead;
  }
  // Where each part ends.
  std::vector<size_t> ends;
  size_t left = room - head;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (SizeInPart(encoded[i]) > left) {
      ends.push_back(i);
      left = kIndexBlockSize - kBlockHead - head;
    }
    left -= SizeInPart(encoded[i]);
  }
  ends.push_back(encoded.size());
  slots_.push_back(IndexSlot{IndexPathHash(header_.hash_key, path), header_.blocks - 1, parts_});
  header_.entries += encoded.size();
  for (size_t i = 0, from = 0; i < ends.size(); from = ends[i++]) {
    if (i > 0) PLY_CHECK(StartBlock());
    const size_t number = i == 0 ? ends.size() : i;
    PLY_CHECK(WritePart(path, encoded, from, ends[i], i == 0, static_cast<uint32_t>(number)));
  }
  return OkStatus();
}

Status IndexEncoder::WritePart(std::string_view path, const std::vector<std::string>& entries, size_t from,
                               size_t to, bool first, uint32_t number) {
  std::string part(kPartHead, '\0');
  part += path;
  size_t at = part.size() + (to - from) * kPartPerEntry;
  for (size_t i = from; i < to; ++i) {
    const std::string_view entry = entries[i];
    AppendLittle(&part, IndexNameHash(entry.substr(kEntryHead, LoadLittle<uint8_t>(entry, kNameSize))));
  }
  for (size_t i = from; i < to; ++i) {
    AppendLittle(&part, static_cast<uint16_t>(at));
    at += entries[i].size();
  }
  for (size_t i = from; i < to; ++i) part += entries[i];
  StoreLittle(&part, kPartSize, static_cast<uint32_t>(part.size()));
  StoreLittle(&part, kPartNumber, number);
  StoreLittle(&part, kPartPathSize, static_cast<uint16_t>(path.size()));
  StoreLittle(&part, kPartCount, static_cast<uint16_t>(to - from));
  StoreLittle(&part, kPartFirst, static_cast<uint8_t>(first ? 1 : 0));
  block_ += part;
  ++parts_;
  if (block_.size() > kIndexBlockSize) return PLY_BUG("a block of a layer index is too long");
  return OkStatus();
}

Result<IndexHeader> IndexEncoder::Finish(const IndexHeader& about) {
  if (slots_.empty()) return PLY_BUG("a layer index without a directory");
  StoreLittle(&block_, kBlockUsed, static_cast<uint32_t>(block_.size()));
  StoreLittle(&block_, 0, IndexChecksum(std::string_view(block_).substr(kBlockUsed)));
  PLY_CHECK(sink_(block_));
  header_.last_block_size = static_cast<uint32_t>(block_.size());
  std::sort(slots_.begin(), slots_.end(),
            [](const IndexSlot& a, const IndexSlot& b) { return a.path_hash < b.path_hash; });
  std::string hashes;
  for (size_t at = 0; at < slots_.size(); at += kIndexPageSlots) {
    const size_t end = std::min(at + kIndexPageSlots, slots_.size());
    AppendLittle(&hashes, slots_[at].path_hash);
    PLY_CHECK(sink_(EncodeIndexPage(
        {slots_.begin() + static_cast<ptrdiff_t>(at), slots_.begin() + static_cast<ptrdiff_t>(end)})));
    ++header_.pages;
  }
  PLY_CHECK(sink_(hashes));
  header_.layer = about.layer;
  header_.root_ctime = about.root_ctime;
  header_.made = about.made;
  header_.trusted = about.trusted;
  header_.acls = about.acls;
  header_.directories = slots_.size();
  header_.hashes_checksum = IndexChecksum(hashes);
  return header_;
}

}  // namespace plyfs
