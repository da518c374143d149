// ProbeName: what a name of a merged directory is, by asking the layers that hold the directory, from the
// top.
//
// Stateless; any thread; blocks on the layers.  The rule is format/merge_rule's; this file only asks.
#ifndef PLYFS_ENGINE_LAYER_PROBE_H_
#define PLYFS_ENGINE_LAYER_PROBE_H_

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/name.h"
#include "engine/format/anchor.h"
#include "engine/format/merge_rule.h"
#include "engine/io/ring.h"
#include "engine/io/side_by_side.h"
#include "engine/layer/copies_digest.h"
#include "engine/layer/held_copies.h"
#include "engine/layer/index_file.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/records.h"

namespace plyfs {

// A directory's copy in one lower layer.
struct LowerMember {
  LayerId layer = 0;
  LowerPath path;
};

// Where to look for a name of a directory in its lower layers.
struct Lowers {
  // Whom to ask, topmost first: all of the directory's members, or those among them that are known to hold
  // the name.
  std::vector<LowerMember> members;
  LayerId lowest = kUpper;  // the directory's lowest member; kUpper: it has none
  // Somebody has seen a directory there: worth opening as such at once.
  bool likely_directory = false;
  // Where `members` are not all: gives all from a layer down, for where a redirect or the data of a metacopy
  // file leads to.
  std::function<std::vector<LowerMember>(LayerId from)> rest;
};

struct Probed {
  MergedType type = MergedType::kAbsent;
  // The topmost object, as it lies in its layer.
  struct statx top = {};
  bool upper = false;  // the topmost object is in upper
  bool upper_opaque = false;
  std::optional<std::string> upper_origin;  // overlay.origin of an upper non-directory
  std::optional<ObjectId> origin;           // what it names, where who asked has looked (ops/resolve.cc)
  // Non-directories: the topmost lower object, when there is no upper one.
  LowerAnchor lower;
  LowerAnchor data;                      // of a metacopy file
  std::optional<std::string> data_path;  // of a metacopy file whose data is in the data-only layers (L20)
  // Directories: the lower members, topmost first, and the number of the topmost.
  std::vector<LowerMember> members;
  ObjectId first_member;
  bool redirected = false;          // a redirect was followed, be it to nothing
  std::vector<LowerMember> beside;  // the directories on its way, below the layers' roots
  CopiesDigest copies;              // of all of the directory's copies, upper's among them
  bool xwhiteouts = false;  // one of the lower members, the lowest apart, says that it holds xattr whiteouts
  size_t asked = 0;         // lower layers
  // Of `members`, where the context lets them be held.
  HeldCopies::Lease held;
};

struct ProbeContext {
  const LayerStack& stack;
  const Records& records;
  const MergeRules& rules;
  RingPool* rings;                     // null: none
  HeldCopies* held = nullptr;          // not null: a directory's copies are opened to be read soon
  SideBySide* side_by_side = nullptr;  // likewise, side by side
  const ReadCopies* copies = nullptr;  // not null: of the parent directory, so that files need not be opened
};

// `upper_dir` is a descriptor of the parent directory in upper, or -1.  Errors: those of the layers, and the
// rules' (EPERM, EINVAL, EACCES, EIO, EREMOTE).
Result<Probed> ProbeName(const ProbeContext& context, int upper_dir, const Lowers& lowers, Name name);

// Whether the first lower layer that holds `name` holds it positively ("lower+" of section 6;
// fs/overlayfs/namei.c:ovl_lower_positive).
Result<bool> LowerPositive(const ProbeContext& context, const std::vector<LowerMember>& members, Name name);

// Where the data of a metacopy file lies in the data-only layers: the first that has a regular file at the
// absolute path.  ENOENT: none has.
Result<LowerAnchor> FindInDataLayers(const LayerStack& stack, const std::string& path);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_PROBE_H_
