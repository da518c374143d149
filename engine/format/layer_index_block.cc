#include "engine/format/layer_index_block.h"

#include <algorithm>

#include "engine/format/file_type.h"
#include "engine/format/layer_index_layout.h"
#include "engine/format/little_endian.h"

namespace plyfs {

using namespace layer_index_layout;

namespace {

constexpr uint32_t kNsPerSecond = 1'000'000'000;
constexpr size_t kRecordHead = 3;

bool IsComponent(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && name != "." && name != ".." &&
         name.find('/') == name.npos && name.find('\0') == name.npos;
}

bool IsPath(std::string_view path) {
  if (path.size() > kPathMax) return false;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (!IsComponent(path.substr(0, slash))) return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
    if (path.empty()) return false;
  }
  return true;
}

}  // namespace

bool IsIndexedRecord(std::string_view xattr) {
  return xattr.starts_with("trusted.overlay.") || xattr.starts_with("user.overlay.");
}

std::string_view IndexEntryView::name() const {
  return bytes_.substr(kEntryHead, LoadLittle<uint8_t>(bytes_, kNameSize));
}

uint16_t IndexEntryView::flags() const {
  return LoadLittle<uint16_t>(bytes_, kFlags);
}

uint32_t IndexEntryView::mode() const {
  return LoadLittle<uint16_t>(bytes_, kMode);
}

uint64_t IndexEntryView::ino() const {
  return LoadLittle<uint64_t>(bytes_, kIno);
}

bool IndexEntryView::has_birth() const {
  return (flags() & kHasBirth) != 0;
}

bool IndexEntryView::has_records() const {
  return (flags() & kHasRecords) != 0;
}

bool IndexEntryView::others() const {
  return (flags() & kHasOthers) != 0;
}

bool IndexEntryView::ask_layer() const {
  return (flags() & kAskLayer) != 0;
}

bool IndexEntryView::holds_nothing() const {
  return (flags() & kHoldsNothing) != 0;
}

std::string_view IndexEntryView::extras() const {
  return bytes_.substr(kEntryHead + name().size());
}

Attr IndexEntryView::attr() const {
  auto time = [this](size_t sec, size_t nsec) {
    return TimeSpec{LoadLittle<int64_t>(bytes_, sec), LoadLittle<uint32_t>(bytes_, nsec)};
  };
  Attr attr;
  attr.ino = ino();
  attr.size = LoadLittle<uint64_t>(bytes_, kSize);
  attr.blocks = LoadLittle<uint64_t>(bytes_, kBlocks);
  attr.atime = time(kAtime, kAtimeNs);
  attr.mtime = time(kMtime, kMtimeNs);
  attr.ctime = time(kCtime, kCtimeNs);
  attr.btime = time(kBtime, kBtimeNs);
  attr.mode = mode();
  attr.nlink = LoadLittle<uint32_t>(bytes_, kNlink);
  attr.uid = LoadLittle<uint32_t>(bytes_, kUid);
  attr.gid = LoadLittle<uint32_t>(bytes_, kGid);
  attr.blksize = LoadLittle<uint32_t>(bytes_, kBlksize);
  if ((flags() & kHasDevice) != 0) {
    attr.rdev_major = LoadLittle<uint32_t>(extras(), 0);
    attr.rdev_minor = LoadLittle<uint32_t>(extras(), 4);
  }
  return attr;
}

std::string_view IndexEntryView::target() const {
  if ((flags() & kHasTarget) == 0) return {};
  return extras().substr(2, LoadLittle<uint16_t>(extras(), 0));
}

std::optional<std::string_view> IndexEntryView::record(std::string_view xattr) const {
  if (!has_records()) return std::nullopt;
  std::string_view rest = extras();
  if ((flags() & kHasDevice) != 0) rest.remove_prefix(8);
  if ((flags() & kHasTarget) != 0) rest.remove_prefix(2 + target().size());
  while (!rest.empty()) {
    const size_t name_size = LoadLittle<uint8_t>(rest, 0);
    const size_t value_size = LoadLittle<uint16_t>(rest, 1);
    if (rest.substr(kRecordHead, name_size) == xattr) return rest.substr(kRecordHead + name_size, value_size);
    rest.remove_prefix(kRecordHead + name_size + value_size);
  }
  return std::nullopt;
}

IndexEntry IndexEntryView::ToEntry() const {
  IndexEntry entry;
  entry.name = name();
  entry.attr = attr();
  entry.has_birth = has_birth();
  entry.target = target();
  entry.others = others();
  entry.ask_layer = ask_layer();
  entry.holds_nothing = holds_nothing();
  if (!has_records()) return entry;
  std::string_view rest = extras();
  if ((flags() & kHasDevice) != 0) rest.remove_prefix(8);
  if ((flags() & kHasTarget) != 0) rest.remove_prefix(2 + target().size());
  while (!rest.empty()) {
    const size_t name_size = LoadLittle<uint8_t>(rest, 0);
    const size_t value_size = LoadLittle<uint16_t>(rest, 1);
    entry.records.emplace_back(rest.substr(kRecordHead, name_size),
                               rest.substr(kRecordHead + name_size, value_size));
    rest.remove_prefix(kRecordHead + name_size + value_size);
  }
  return entry;
}

bool IndexEntryView::Valid() const {
  if (bytes_.size() < kEntryHead) return false;
  const size_t name_size = LoadLittle<uint8_t>(bytes_, kNameSize);
  if (bytes_.size() != kEntryHead + name_size + LoadLittle<uint16_t>(bytes_, kExtrasSize)) return false;
  if (bytes_[kEntryZero] != 0 || (flags() & ~kAllFlags) != 0) return false;
  if (DirentTypeOf(mode()) == DT_UNKNOWN) return false;
  if (holds_nothing() && !S_ISDIR(mode())) return false;
  for (size_t at : {kAtimeNs, kMtimeNs, kCtimeNs, kBtimeNs}) {
    if (LoadLittle<uint32_t>(bytes_, at) >= kNsPerSecond) return false;
  }
  // The directory itself has no name; whether this is it is for the part to say.
  if (name_size != 0 && !IsComponent(name())) return false;
  return ExtrasValid();
}

bool IndexEntryView::ExtrasValid() const {
  const std::string_view all = extras();
  const uint32_t type = mode() & S_IFMT;
  const bool device = type == S_IFCHR || type == S_IFBLK;
  size_t at = 0;
  if (device != ((flags() & kHasDevice) != 0)) return false;
  if (device) at += 8;
  if (all.size() < at) return false;
  if ((flags() & kHasTarget) != 0) {
    if (type != S_IFLNK || all.size() < at + 2) return false;
    const size_t size = LoadLittle<uint16_t>(all, at);
    at += 2;
    if (size == 0 || size > kTargetMax || all.size() < at + size) return false;
    if (all.substr(at, size).find('\0') != all.npos) return false;
    at += size;
  } else if (type == S_IFLNK && !ask_layer()) {
    return false;
  }
  if (!has_records()) return all.size() == at;
  return RecordsFit(all.substr(at));
}

bool IndexEntryView::RecordsFit(std::string_view records) {
  if (records.empty() || records.size() > kRecordsMax) return false;
  while (!records.empty()) {
    if (records.size() < kRecordHead) return false;
    const size_t name_size = LoadLittle<uint8_t>(records, 0);
    const size_t value_size = LoadLittle<uint16_t>(records, 1);
    if (records.size() < kRecordHead + name_size + value_size) return false;
    const std::string_view name = records.substr(kRecordHead, name_size);
    if (!IsIndexedRecord(name) || name.find('\0') != name.npos) return false;
    records.remove_prefix(kRecordHead + name_size + value_size);
  }
  return true;
}

std::string_view IndexPart::path() const {
  return bytes_.substr(kPartHead, LoadLittle<uint16_t>(bytes_, kPartPathSize));
}

bool IndexPart::first() const {
  return bytes_[kPartFirst] == 1;
}

uint32_t IndexPart::number() const {
  return LoadLittle<uint32_t>(bytes_, kPartNumber);
}

size_t IndexPart::size() const {
  return LoadLittle<uint16_t>(bytes_, kPartCount);
}

uint16_t IndexPart::name_hash(size_t i) const {
  return LoadLittle<uint16_t>(bytes_, kPartHead + path().size() + i * sizeof(uint16_t));
}

size_t IndexPart::entry_at(size_t i) const {
  return LoadLittle<uint16_t>(bytes_, kPartHead + path().size() + (size() + i) * sizeof(uint16_t));
}

IndexEntryView IndexPart::entry(size_t i) const {
  const size_t at = entry_at(i);
  const size_t size = kEntryHead + LoadLittle<uint8_t>(bytes_, at + kNameSize) +
                      LoadLittle<uint16_t>(bytes_, at + kExtrasSize);
  return IndexEntryView(bytes_.substr(at, size));
}

// The hashes lie side by side: reading them all costs less than jumping from name to name.
std::optional<IndexEntryView> IndexPart::Find(std::string_view name) const {
  const uint16_t wanted = IndexNameHash(name);
  const size_t count = size();
  for (size_t i = 0; i < count; ++i) {
    if (name_hash(i) != wanted) continue;
    const IndexEntryView view = entry(i);
    if (view.name() == name) return view;
  }
  return std::nullopt;
}

// `bytes_` is as long as the part says.
bool IndexPart::Valid() const {
  const size_t path_size = LoadLittle<uint16_t>(bytes_, kPartPathSize);
  const auto first_byte = LoadLittle<uint8_t>(bytes_, kPartFirst);
  if (first_byte > 1 || bytes_[kPartZero] != 0 || bytes_[kPartZero + 1] != 0 || bytes_[kPartZero + 2] != 0) {
    return false;
  }
  if (number() == 0 || size() == 0) return false;
  size_t at = kPartHead + path_size + size() * kPartPerEntry;
  if (bytes_.size() < at || !IsPath(path())) return false;
  std::string_view before;
  for (size_t i = 0; i < size(); ++i) {
    // The entries lie side by side and fill the part.
    if (entry_at(i) != at || bytes_.size() < at + kEntryHead) return false;
    const IndexEntryView view = entry(i);
    if (!view.Valid()) return false;
    const bool itself = first() && i == 0;
    if (itself != view.name().empty()) return false;
    if (itself && !S_ISDIR(view.mode())) return false;
    if (i > 0 && view.name() <= before) return false;
    if (name_hash(i) != IndexNameHash(view.name())) return false;
    before = view.name();
    at += view.bytes_.size();
  }
  return at == bytes_.size();
}

std::optional<IndexBlock> IndexBlock::Parse(std::unique_ptr<char[]> bytes, size_t size) {
  if (size < kBlockHead || size > kIndexBlockSize) return std::nullopt;
  const std::string_view all(bytes.get(), size);
  if (LoadLittle<uint64_t>(all, 0) != IndexChecksum(all.substr(kBlockUsed))) return std::nullopt;
  IndexBlock block(std::move(bytes), size);
  if (!block.FindParts()) return std::nullopt;
  return block;
}

std::optional<IndexBlock> IndexBlock::Parse(std::string_view bytes) {
  std::unique_ptr<char[]> copy(new char[bytes.size()]);
  bytes.copy(copy.get(), bytes.size());
  return Parse(std::move(copy), bytes.size());
}

bool IndexBlock::FindParts() {
  const std::string_view all(bytes_.get(), size_);
  const size_t used = LoadLittle<uint32_t>(all, kBlockUsed);
  if (used > all.size() || LoadLittle<uint32_t>(all, kBlockZero) != 0) return false;
  size_t at = kBlockHead;
  while (at < used) {
    if (used - at < kPartHead) return false;
    const size_t size = LoadLittle<uint32_t>(all, at + kPartSize);
    if (size < kPartHead || size > used - at) return false;
    if (!IndexPart(all.substr(at, size)).Valid()) return false;
    parts_.push_back(static_cast<uint16_t>(at));
    at += size;
  }
  return at == used && !parts_.empty();
}

std::optional<IndexPart> IndexBlock::part(uint32_t number) const {
  if (number >= parts_.size()) return std::nullopt;
  const size_t at = parts_[number];
  const std::string_view all(bytes_.get(), size_);
  return IndexPart(all.substr(at, LoadLittle<uint32_t>(all, at + kPartSize)));
}

}  // namespace plyfs
