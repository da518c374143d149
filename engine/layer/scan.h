// Listing directories of layers: one directory, and the lower members of a merged one folded into an index.
//
// Stateless; any thread; blocks on the layers.
#ifndef PLYFS_ENGINE_LAYER_SCAN_H_
#define PLYFS_ENGINE_LAYER_SCAN_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/base/result.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/probe.h"
#include "engine/layer/records.h"

namespace plyfs {

struct ScannedEntry {
  std::string_view name;  // valid while it is being visited
  uint64_t ino = 0;       // the layer's own number
  uint8_t type = 0;       // DT_*, never DT_UNKNOWN (D12)
  bool whiteout = false;
  // A whiteout's: what it hides in the layers below, mostly its own name; empty: nothing.
  std::string_view hides{};
};

// Visits the entries of one layer's directory but "." and "..", in the directory's order, until one answers
// with an error, which is given back.  Device whiteouts are marked in every directory (D9); xattr whiteouts
// where the directory has opaque=x (X5), or where asked; kNowhere for one known not to have it; whiteouts by
// name, where they are read (O5), after all others.  `dir` must be readable (not O_PATH).
enum class XattrWhiteouts { kWhereSaid, kEverywhere, kNowhere };
Status ScanDirectory(int dir, const Records& records, XattrWhiteouts look,
                     const std::function<Status(const ScannedEntry&)>& visit);

// Whether the directory says that files of it may be whiteouts (opaque=x; X5).
Result<bool> SaysXattrWhiteouts(int dir, const Records& records);

// Whether what stands at `name` of the directory is a whiteout of either kind (L4); `st` is its stat.
Result<bool> IsWhiteoutAt(int dir, const char* name, const struct statx& st, const Records& records);

// Whether the directory holds nothing but whiteouts of either kind.
Result<bool> HoldsOnlyWhiteouts(int dir, const Records& records);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_SCAN_H_
