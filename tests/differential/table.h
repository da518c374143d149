// Table: how often each operation ended with which errno, over all runs.  Owned by the program; one thread.
#ifndef PLYFS_TESTS_DIFFERENTIAL_TABLE_H_
#define PLYFS_TESTS_DIFFERENTIAL_TABLE_H_

#include <cstdint>
#include <map>
#include <string>

#include "tests/differential/handovers.h"
#include "tests/differential/masks.h"

namespace plyfs::diff {

class Table {
 public:
  using Counts = std::map<std::string, std::map<int, uint64_t>>;  // operation, errno (0: success)

  void Count(const std::string& label, int error) { ++counts_[label][error]; }
  const Counts& counts() const { return counts_; }
  HandOvers& handovers() { return handovers_; }
  const HandOvers& handovers() const { return handovers_; }
  uint64_t Successes(const std::string& label) const { return Times(label, 0); }
  uint64_t Times(const std::string& label, int error) const;
  // Operations of the list that succeeded less than `least` times, one line each; empty: none.
  std::string Missing(uint64_t least) const;
  // To stdout: a line an operation, then the masks and how often each was used.
  void Print(const Masks& masks) const;

 private:
  Counts counts_;
  HandOvers handovers_;
};

// The label for any step on a descriptor whose last name is gone.
inline constexpr char kUnlinkedLabel[] = "I/O on unlinked descriptors";

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_TABLE_H_
