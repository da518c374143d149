// The tree room alone: names, inodes and listings under random operations, doubts and evictions, against a
// tree of std::maps that says what is true (fuzz/tree_world.h).  What is forgotten may be asked again; what
// is remembered must be true.
//
// Inputs are records as in engine_model_fuzz: one operation each, of which the first byte says what; those
// from 160 on happen seldom (tree_world_rare.cc).  Header: byte 1, bit 0: room for many names; bit 1: the end
// is an unmount.
//
// unit: engine/tree/dentry_cache.cc engine/tree/inode_table.cc engine/tree/merged_dir.cc
// unit: engine/tree/listing_clock.cc
#include <cstdint>

#include "fuzz/record_mutator.h"
#include "fuzz/tree_world.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t header = size > 1 ? data[1] : 0;
  plyfs::World world({(header & 1) != 0, (header & 4) != 0});
  constexpr size_t kRecord = plyfs::fuzz::kRecordSize;
  for (size_t at = kRecord; at + kRecord <= size; at += kRecord) world.Do(data + at);
  world.End((header & 2) != 0);
  return 0;
}
