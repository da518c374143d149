// Where the fields of blocks, parts and entries are: shared by layer_index_block.cc and
// layer_index_encoder.cc.
#ifndef PLYFS_ENGINE_FORMAT_LAYER_INDEX_LAYOUT_H_
#define PLYFS_ENGINE_FORMAT_LAYER_INDEX_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plyfs::layer_index_layout {

// A block: checksum of what follows it, how much of the block is used, zero; then parts.
enum BlockAt : size_t { kBlockUsed = 8, kBlockZero = 12, kBlockHead = 16 };

// A part: the path follows the head, then the hashes of the entries' names (16 bits each), their offsets in
// the part (16 bits each), then the entries.
constexpr size_t kPartPerEntry = 4;  // bytes of hash and offset
enum PartAt : size_t {
  kPartSize = 0,
  kPartNumber = 4,
  kPartPathSize = 8,
  kPartCount = 10,
  kPartFirst = 12,  // 1 or 0
  kPartZero = 13,   // three bytes
  kPartHead = 16,
};

// An entry: the name follows the head, then the extras that its flags say, in the order of the flags.
enum EntryAt : size_t {
  kIno = 0,
  kSize = 8,
  kBlocks = 16,
  kAtime = 24,
  kMtime = 32,
  kCtime = 40,
  kBtime = 48,
  kAtimeNs = 56,
  kMtimeNs = 60,
  kCtimeNs = 64,
  kBtimeNs = 68,
  kNlink = 72,
  kUid = 76,
  kGid = 80,
  kBlksize = 84,
  kMode = 88,
  kFlags = 90,
  kExtrasSize = 92,
  kNameSize = 94,
  kEntryZero = 95,
  kEntryHead = 96,
};

enum EntryFlag : uint16_t {
  kHasBirth = 1,
  kHasDevice = 2,   // extra: major, minor (32 bits each)
  kHasTarget = 4,   // extra: size (16 bits), bytes
  kHasRecords = 8,  // extra: each: name's size (8 bits), value's size (16 bits), name, value; to the end
  kHasOthers = 16,
  kAskLayer = 32,
  kHoldsNothing = 64,
  kAllFlags = 127,
};

constexpr size_t kNameMax = 255;
constexpr size_t kTargetMax = 4095;
constexpr size_t kPathMax = 4095;
constexpr size_t kRecordsMax = 8192;

}  // namespace plyfs::layer_index_layout

#endif  // PLYFS_ENGINE_FORMAT_LAYER_INDEX_LAYOUT_H_
