// Trees as text, a line an object: for comparing what two mounts show of the same layers.
//
// Pure; any thread.  Lines hold all that must be equal then: values of times too, but no atimes, which
// looking moves, and no sizes of directories and st_blocks.
#ifndef PLYFS_TESTS_DIFFERENTIAL_TREE_LINES_H_
#define PLYFS_TESTS_DIFFERENTIAL_TREE_LINES_H_

#include <map>
#include <optional>
#include <string>

#include "tests/differential/compare.h"
#include "tests/differential/masks.h"
#include "tests/differential/outcome.h"

namespace plyfs::diff {

using TreeLines = std::map<std::string, std::string>;

// Of a tree that plyfs shows: an object, but a directory, that its directory lists by another number than
// stat tells says so (D10).
TreeLines LinesOf(const Snapshot& tree);

struct TreeNames {
  std::string kind, first, second;
};
std::optional<Difference> CompareLines(const TreeLines& first, const TreeLines& second,
                                       const TreeNames& names);
// The second tree is the kernel's: what the masks allow is left out.
std::optional<Difference> CompareWithKernel(const Snapshot& ply, const Snapshot& kernel,
                                            const TreeNames& names, Masks* masks);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_TREE_LINES_H_
