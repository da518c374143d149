// LayerIndex files: what one layer holds, directory by directory, written once and read by every mount that
// stacks the layer.  docs/layer-index.md has the format byte by byte.
//
//   header | blocks | pages of the directory table | first hash of each page
//
// This file: the header, the table and the two hashes.  Directories and entries: layer_index_block.h.  Pure
// functions and values; any thread.  Whatever a file holds, reading it fails or gives values within their
// bounds: files are refused, never trusted.
#ifndef PLYFS_ENGINE_FORMAT_LAYER_INDEX_H_
#define PLYFS_ENGINE_FORMAT_LAYER_INDEX_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/attr.h"
#include "engine/format/origin.h"

namespace plyfs {

inline constexpr size_t kIndexHeaderSize = 512;
inline constexpr size_t kIndexBlockSize = 32768;  // of each block but the last, which may be shorter
inline constexpr size_t kIndexPageSize = 4096;    // likewise
inline constexpr size_t kIndexPageHead = 16;
inline constexpr size_t kIndexSlotSize = 16;
inline constexpr size_t kIndexPageSlots = (kIndexPageSize - kIndexPageHead) / kIndexSlotSize;

// Which layer: an object that keeps both is the same directory.
struct LayerIdentity {
  FsUuid uuid{};
  int32_t handle_type = 0;  // of the layer's root, as name_to_handle_at(2) gives it
  std::string handle;
  friend bool operator==(const LayerIdentity&, const LayerIdentity&) = default;
};

using IndexHashKey = std::array<uint8_t, 16>;

struct IndexHeader {
  LayerIdentity layer;
  TimeSpec root_ctime;   // of the layer's root
  TimeSpec made;         // when the reading of the layer began
  bool trusted = false;  // trusted.* attributes were seen
  bool acls = false;     // the filesystem has POSIX ACLs
  IndexHashKey hash_key{};
  uint64_t directories = 0;  // in the table
  uint64_t entries = 0;      // for people: directories themselves among them
  uint32_t blocks = 0;
  uint32_t last_block_size = 0;
  uint32_t pages = 0;
  uint64_t hashes_checksum = 0;

  uint64_t block_at(uint32_t block) const { return kIndexHeaderSize + uint64_t{block} * kIndexBlockSize; }
  size_t block_size(uint32_t block) const { return block + 1 < blocks ? kIndexBlockSize : last_block_size; }
  uint64_t page_at(uint32_t page) const {
    return block_at(blocks - 1) + last_block_size + uint64_t{page} * kIndexPageSize;
  }
  size_t page_slots(uint32_t page) const {
    return page + 1 < pages ? kIndexPageSlots : directories - uint64_t{page} * kIndexPageSlots;
  }
  size_t page_size(uint32_t page) const { return kIndexPageHead + page_slots(page) * kIndexSlotSize; }
  uint64_t hashes_at() const { return page_at(pages - 1) + page_size(pages - 1); }
  uint64_t file_size() const { return hashes_at() + uint64_t{pages} * sizeof(uint64_t); }

  friend bool operator==(const IndexHeader&, const IndexHeader&) = default;
};

std::string EncodeIndexHeader(const IndexHeader& header);
// `bytes`: the first kIndexHeaderSize of the file, of which `file_size` is the size.  Null: *why says what is
// wrong with it.
std::optional<IndexHeader> ParseIndexHeader(std::string_view bytes, uint64_t file_size, const char** why);

// Where a directory's first part is.
struct IndexSlot {
  uint64_t path_hash = 0;
  uint32_t block = 0;
  uint32_t part = 0;  // which of the block's parts, the first being 0
  friend bool operator==(const IndexSlot&, const IndexSlot&) = default;
};

// Of at most kIndexPageSlots, sorted by hash.
std::string EncodeIndexPage(const std::vector<IndexSlot>& slots);

// One page of the table, checked.
class IndexPage {
 public:
  static std::optional<IndexPage> Parse(std::string bytes);

  size_t size() const { return (bytes_.size() - kIndexPageHead) / kIndexSlotSize; }
  IndexSlot slot(size_t i) const;
  // The first slot whose hash is not below; size() if there is none.  Hashes are spread evenly, so it is
  // looked for where it ought to be between the least and the greatest that the page can hold.
  size_t LowerBound(uint64_t path_hash, uint64_t least = 0, uint64_t greatest = ~uint64_t{0}) const;
  size_t bytes() const { return bytes_.size(); }

 private:
  explicit IndexPage(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

// The first hash of each page, sorted; null: not that.
std::optional<std::vector<uint64_t>> ParsePageHashes(std::string_view bytes, const IndexHeader& header);

// Finds damage, not forgery: any change within eight bytes, and all but one in 2^64 of others.
uint64_t IndexChecksum(std::string_view bytes);
// Of a name in its directory.
inline uint16_t IndexNameHash(std::string_view name) {
  return static_cast<uint16_t>(IndexChecksum(name));
}
// SipHash-2-4, so that who makes a layer cannot choose paths that meet.
uint64_t IndexPathHash(const IndexHashKey& key, std::string_view path);

// What a layer's file is called in its folder.
std::string IndexFileName(const LayerIdentity& layer);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_LAYER_INDEX_H_
