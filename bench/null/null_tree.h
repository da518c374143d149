// What fuse_null and null_loop answer: constants of the name or node asked for, without any state.  Names as
// `tools/dev bench` makes them: d... is a directory of 50 files, e... one of 1,000, f... an empty file, all
// else is absent.
#ifndef PLYFS_BENCH_NULL_NULL_TREE_H_
#define PLYFS_BENCH_NULL_NULL_TREE_H_

#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace plyfs::bench {

inline constexpr uint64_t kFileNode = 2, kMadeNode = 3;  // one for all of a kind
inline constexpr uint64_t kFirstDirNode = 16, kFirstLargeDirNode = 1 << 20;
inline constexpr uint32_t kTtlSeconds = 3600;
inline constexpr uint64_t kListed = 50, kListedLarge = 1000;  // names in a directory
inline constexpr size_t kListedNameSize = 6;

// 0: absent.  A directory can have one name only, so each has a node of its own.
inline uint64_t NodeOf(std::string_view name) {
  if (name[0] == 'f') return kFileNode;
  if (name[0] != 'd' && name[0] != 'e') return 0;
  uint64_t number = 0;
  for (const char digit : name.substr(1)) number = number * 10 + static_cast<uint64_t>(digit - '0');
  return number + (name[0] == 'd' ? kFirstDirNode : kFirstLargeDirNode);
}

inline uint64_t ListedIn(uint64_t node) {
  return node < kFirstLargeDirNode ? kListed : kListedLarge;
}

inline uint32_t ModeOf(uint64_t node) {
  return node == kFileNode || node == kMadeNode ? S_IFREG | 0644 : S_IFDIR | 0755;
}

inline std::string ListedName(int i) {
  char name[16];
  std::snprintf(name, sizeof name, "f%05d", i);
  return name;
}

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_NULL_NULL_TREE_H_
