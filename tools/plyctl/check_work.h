// CheckWorkDir: what mounts have left in a work directory, and what the index in it says.
//
// Main's thread; nobody else may use the directory meanwhile.
#ifndef PLYFS_TOOLS_PLYCTL_CHECK_WORK_H_
#define PLYFS_TOOLS_PLYCTL_CHECK_WORK_H_

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "engine/base/result.h"
#include "engine/io/unique_fd.h"
#include "tools/plyctl/check_report.h"

namespace plyfs::tool {

struct CheckedWork {
  UniqueFd work;                          // W/work, where there is one
  bool index_known = false;               // whether what W/index holds, if anything, is in `indexed`
  absl::flat_hash_set<uint64_t> indexed;  // the numbers of the objects that it links to
};

// `base`: the work directory, readable.
Result<CheckedWork> CheckWorkDir(int base, CheckReport* report);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_CHECK_WORK_H_
