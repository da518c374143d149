#include "engine/format/layer_index.h"

#include <algorithm>
#include <cstdio>

#include "engine/format/little_endian.h"

namespace plyfs {
namespace {

constexpr std::string_view kMagic = "PLYINDEX";
constexpr uint32_t kVersion = 2;
constexpr uint32_t kTrustedSeen = 1;
constexpr uint32_t kHasAcls = 2;
constexpr uint32_t kAllHeaderFlags = 3;
constexpr uint32_t kNsPerSecond = 1'000'000'000;

// Where the header's fields are.
enum HeaderAt : size_t {
  kVersionAt = 8,
  kHeaderSizeAt = 12,
  kChecksumAt = 16,
  kFileSizeAt = 24,  // checksummed from here on
  kDirectoriesAt = 32,
  kEntriesAt = 40,
  kBlocksAt = 48,
  kLastBlockAt = 52,
  kPagesAt = 56,
  kFlagsAt = 60,
  kHashesChecksumAt = 64,
  kHashKeyAt = 72,
  kMadeAt = 88,
  kCtimeAt = 96,
  kMadeNsAt = 104,
  kCtimeNsAt = 108,
  kUuidAt = 112,
  kHandleTypeAt = 128,
  kHandleSizeAt = 132,
  kHandleAt = 136,
  kZerosAt = kHandleAt + kOriginHandleMax,
};

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == bytes.npos;
}

// The sizes agree with each other, and the file is as long as they say.
bool SizesFit(const IndexHeader& h, uint64_t file_size) {
  if (h.blocks == 0 || h.last_block_size == 0 || h.last_block_size > kIndexBlockSize) return false;
  if (h.directories == 0 || h.pages == 0) return false;
  if (h.pages != (h.directories - 1) / kIndexPageSlots + 1) return false;
  return h.file_size() == file_size;
}

}  // namespace

std::string EncodeIndexHeader(const IndexHeader& h) {
  std::string bytes(kIndexHeaderSize, '\0');
  kMagic.copy(bytes.data(), kMagic.size());
  StoreLittle(&bytes, kVersionAt, kVersion);
  StoreLittle(&bytes, kHeaderSizeAt, static_cast<uint32_t>(kIndexHeaderSize));
  StoreLittle(&bytes, kFileSizeAt, h.file_size());
  StoreLittle(&bytes, kDirectoriesAt, h.directories);
  StoreLittle(&bytes, kEntriesAt, h.entries);
  StoreLittle(&bytes, kBlocksAt, h.blocks);
  StoreLittle(&bytes, kLastBlockAt, h.last_block_size);
  StoreLittle(&bytes, kPagesAt, h.pages);
  StoreLittle(&bytes, kFlagsAt, (h.trusted ? kTrustedSeen : 0u) | (h.acls ? kHasAcls : 0u));
  StoreLittle(&bytes, kHashesChecksumAt, h.hashes_checksum);
  std::copy(h.hash_key.begin(), h.hash_key.end(), bytes.begin() + kHashKeyAt);
  StoreLittle(&bytes, kMadeAt, h.made.sec);
  StoreLittle(&bytes, kMadeNsAt, h.made.nsec);
  StoreLittle(&bytes, kCtimeAt, h.root_ctime.sec);
  StoreLittle(&bytes, kCtimeNsAt, h.root_ctime.nsec);
  std::copy(h.layer.uuid.begin(), h.layer.uuid.end(), bytes.begin() + kUuidAt);
  StoreLittle(&bytes, kHandleTypeAt, h.layer.handle_type);
  StoreLittle(&bytes, kHandleSizeAt, static_cast<uint32_t>(h.layer.handle.size()));
  h.layer.handle.copy(bytes.data() + kHandleAt, kOriginHandleMax);
  StoreLittle(&bytes, kChecksumAt, IndexChecksum(std::string_view(bytes).substr(kFileSizeAt)));
  return bytes;
}

std::optional<IndexHeader> ParseIndexHeader(std::string_view bytes, uint64_t file_size, const char** why) {
  auto no = [&](const char* reason) {
    *why = reason;
    return std::nullopt;
  };
  if (bytes.size() < kIndexHeaderSize || !bytes.starts_with(kMagic)) return no("not a layer index");
  bytes = bytes.substr(0, kIndexHeaderSize);
  if (LoadLittle<uint32_t>(bytes, kVersionAt) != kVersion) return no("of another version of the format");
  if (LoadLittle<uint32_t>(bytes, kHeaderSizeAt) != kIndexHeaderSize) return no("damaged");
  if (LoadLittle<uint64_t>(bytes, kChecksumAt) != IndexChecksum(bytes.substr(kFileSizeAt))) {
    return no("damaged");
  }
  const auto flags = LoadLittle<uint32_t>(bytes, kFlagsAt);
  const auto handle_size = LoadLittle<uint32_t>(bytes, kHandleSizeAt);
  IndexHeader h;
  h.directories = LoadLittle<uint64_t>(bytes, kDirectoriesAt);
  h.entries = LoadLittle<uint64_t>(bytes, kEntriesAt);
  h.blocks = LoadLittle<uint32_t>(bytes, kBlocksAt);
  h.last_block_size = LoadLittle<uint32_t>(bytes, kLastBlockAt);
  h.pages = LoadLittle<uint32_t>(bytes, kPagesAt);
  h.hashes_checksum = LoadLittle<uint64_t>(bytes, kHashesChecksumAt);
  h.trusted = (flags & kTrustedSeen) != 0;
  h.acls = (flags & kHasAcls) != 0;
  std::copy_n(bytes.begin() + kHashKeyAt, h.hash_key.size(), h.hash_key.begin());
  h.made = {LoadLittle<int64_t>(bytes, kMadeAt), LoadLittle<uint32_t>(bytes, kMadeNsAt)};
  h.root_ctime = {LoadLittle<int64_t>(bytes, kCtimeAt), LoadLittle<uint32_t>(bytes, kCtimeNsAt)};
  std::copy_n(bytes.begin() + kUuidAt, h.layer.uuid.size(), h.layer.uuid.begin());
  h.layer.handle_type = LoadLittle<int32_t>(bytes, kHandleTypeAt);
  if ((flags & ~kAllHeaderFlags) != 0 || handle_size == 0 || handle_size > kOriginHandleMax ||
      h.made.nsec >= kNsPerSecond || h.root_ctime.nsec >= kNsPerSecond ||
      !AllZero(bytes.substr(kHandleAt + handle_size))) {
    return no("damaged");
  }
  h.layer.handle = bytes.substr(kHandleAt, handle_size);
  if (LoadLittle<uint64_t>(bytes, kFileSizeAt) != file_size) return no("truncated, or longer than it says");
  if (!SizesFit(h, file_size)) return no("damaged");
  return h;
}

std::string EncodeIndexPage(const std::vector<IndexSlot>& slots) {
  std::string bytes(8, '\0');
  AppendLittle(&bytes, static_cast<uint64_t>(slots.size()));
  for (const IndexSlot& slot : slots) {
    AppendLittle(&bytes, slot.path_hash);
    AppendLittle(&bytes, slot.block);
    AppendLittle(&bytes, slot.part);
  }
  StoreLittle(&bytes, 0, IndexChecksum(std::string_view(bytes).substr(8)));
  return bytes;
}

std::optional<IndexPage> IndexPage::Parse(std::string bytes) {
  if (bytes.size() < kIndexPageHead + kIndexSlotSize || bytes.size() > kIndexPageSize) return std::nullopt;
  if (LoadLittle<uint64_t>(bytes, 0) != IndexChecksum(std::string_view(bytes).substr(8))) return std::nullopt;
  const uint64_t slots = LoadLittle<uint64_t>(bytes, 8);
  if (slots > kIndexPageSlots || bytes.size() != kIndexPageHead + slots * kIndexSlotSize) return std::nullopt;
  IndexPage page(std::move(bytes));
  for (size_t i = 1; i < page.size(); ++i) {
    if (page.slot(i - 1).path_hash > page.slot(i).path_hash) return std::nullopt;
  }
  return page;
}

IndexSlot IndexPage::slot(size_t i) const {
  const size_t at = kIndexPageHead + i * kIndexSlotSize;
  return IndexSlot{LoadLittle<uint64_t>(bytes_, at), LoadLittle<uint32_t>(bytes_, at + 8),
                   LoadLittle<uint32_t>(bytes_, at + 12)};
}

size_t IndexPage::LowerBound(uint64_t path_hash, uint64_t least, uint64_t greatest) const {
  auto hash = [this](size_t i) { return LoadLittle<uint64_t>(bytes_, kIndexPageHead + i * kIndexSlotSize); };
  const size_t slots = size();
  if (path_hash < least) return 0;
  // At most 255 slots, so 24 bits of the range are enough to tell where.
  int shift = 0;
  while (((greatest - least) >> shift) >> 24 != 0) ++shift;
  const uint64_t range = ((greatest - least) >> shift) + 1, at = (path_hash - least) >> shift;
  size_t i = std::min<uint64_t>(at * slots / range, slots - 1);
  while (i > 0 && hash(i - 1) >= path_hash) --i;
  while (i < slots && hash(i) < path_hash) ++i;
  return i;
}

std::optional<std::vector<uint64_t>> ParsePageHashes(std::string_view bytes, const IndexHeader& header) {
  if (bytes.size() != uint64_t{header.pages} * sizeof(uint64_t)) return std::nullopt;
  if (IndexChecksum(bytes) != header.hashes_checksum) return std::nullopt;
  std::vector<uint64_t> hashes(header.pages);
  for (size_t i = 0; i < hashes.size(); ++i) hashes[i] = LoadLittle<uint64_t>(bytes, i * sizeof(uint64_t));
  if (!std::is_sorted(hashes.begin(), hashes.end())) return std::nullopt;
  return hashes;
}

std::string IndexFileName(const LayerIdentity& layer) {
  std::string identity(reinterpret_cast<const char*>(layer.uuid.data()), layer.uuid.size());
  AppendLittle(&identity, layer.handle_type);
  identity += layer.handle;
  constexpr IndexHashKey kOne{1}, kTwo{2};
  char name[64];
  std::snprintf(name, sizeof name, "%016llx%016llx.plyindex",
                static_cast<unsigned long long>(IndexPathHash(kOne, identity)),
                static_cast<unsigned long long>(IndexPathHash(kTwo, identity)));
  return name;
}

}  // namespace plyfs
