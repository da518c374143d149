#include "tests/differential/table.h"

#include <cstdio>
#include <cstring>

namespace plyfs::diff {
namespace {

constexpr const char* kRequired[] = {"create",
                                     "mkdir",
                                     "mknod",
                                     "symlink",
                                     "link",
                                     "unlink",
                                     "rmdir",
                                     "rename",
                                     "rename NOREPLACE",
                                     "rename EXCHANGE",
                                     "O_TMPFILE",
                                     "linkat",
                                     "chmod",
                                     "chown",
                                     "utimens",
                                     "setxattr",
                                     "removexattr",
                                     "setacl",
                                     "truncate",
                                     "open O_TRUNC",
                                     "write",
                                     "fallocate",
                                     "copy_file_range",
                                     "write through mmap",
                                     "SEEK_HOLE",
                                     "readdir with seek",
                                     "flock",
                                     kUnlinkedLabel,
                                     "remount",
                                     "remount crossed"};

}  // namespace

uint64_t Table::Times(const std::string& label, int error) const {
  auto row = counts_.find(label);
  if (row == counts_.end()) return 0;
  auto times = row->second.find(error);
  return times == row->second.end() ? 0 : times->second;
}

std::string Table::Missing(uint64_t least) const {
  std::string lines;
  for (const char* label : kRequired) {
    const uint64_t n = Successes(label);
    if (n < least) lines += std::string(label) + " succeeded " + std::to_string(n) + " times only\n";
  }
  return lines;
}

void Table::Print(const Masks& masks) const {
  printf("%-28s %9s  errors\n", "operation", "success");
  for (const auto& [label, row] : counts_) {
    printf("%-28s %9llu ", label.c_str(), static_cast<unsigned long long>(Successes(label)));
    for (const auto& [error, n] : row) {
      if (error != 0) printf(" %s %llu", strerrorname_np(error), static_cast<unsigned long long>(n));
    }
    printf("\n");
  }
  for (const auto& [name, n] : masks.counts()) {
    printf("mask %-46s %9llu\n", name.c_str(), static_cast<unsigned long long>(n));
  }
  for (const auto& [name, n] : masks.skipped()) {
    printf("left out %-42s %9llu\n", name.c_str(), static_cast<unsigned long long>(n));
  }
  printf("%s\n", handovers_.Text().c_str());
}

}  // namespace plyfs::diff
