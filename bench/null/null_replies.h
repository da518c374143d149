// The constant replies of null_loop, in the protocol's own structures.
#ifndef PLYFS_BENCH_NULL_NULL_REPLIES_H_
#define PLYFS_BENCH_NULL_NULL_REPLIES_H_

#include <string>

#include "bench/null/null_tree.h"
#include "fuse/wire.h"

namespace plyfs::bench {

namespace wire = fuse::wire;

inline wire::EntryOut EntryOf(uint64_t node) {
  wire::EntryOut entry{};
  entry.nodeid = entry.attr.ino = node;
  entry.entry_valid = entry.attr_valid = kTtlSeconds;
  entry.attr.mode = node == 0 ? 0 : ModeOf(node);
  entry.attr.nlink = 1;
  return entry;
}

// The listing as the protocol wants it; every entry takes the same room.
template <typename Record>
std::string Pack(Record record, wire::Dirent& dirent) {
  std::string packed;
  for (uint64_t i = 0; i < kListedLarge; ++i) {
    dirent = {kFileNode, i + 1, kListedNameSize, 8 /* DT_REG */};
    packed.append(reinterpret_cast<const char*>(&record), sizeof record);
    packed += ListedName(static_cast<int>(i));
    packed.resize(wire::AlignRecord(packed.size()));
  }
  return packed;
}

inline std::string PackPlain() {
  wire::Dirent dirent{};
  return Pack<wire::Dirent&>(dirent, dirent);
}

inline std::string PackPlus() {
  wire::DirentPlus record{EntryOf(kFileNode), {}};
  return Pack<wire::DirentPlus&>(record, record.dirent);
}

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_NULL_NULL_REPLIES_H_
