// UpperCheck: what both sides left in their upper and work directories, compared by Z2: types, names, data,
// modes, owners, whiteouts, opaque, redirects, escaped names, and origins by the lower object they decode to.
// Left out as Z2 has it: link counts and attributes of whiteouts, ctimes, uuid, impure where it is not
// needed.
//
// Owned by a run, made before the first mount; one thread, root, both sides unmounted when Compare is called.
#ifndef PLYFS_TESTS_DIFFERENTIAL_UPPER_CHECK_H_
#define PLYFS_TESTS_DIFFERENTIAL_UPPER_CHECK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/differential/compare.h"
#include "tests/differential/world.h"

namespace plyfs::diff {

class UpperCheck {
 public:
  UpperCheck(const Dirs& first, const Dirs& second, bool userxattr, int64_t run_start);

  // `refused`: paths whose lookup the mounts refuse.  The kernel writes an origin on a directory before it
  // finds that out (L24; namei.c:ovl_lookup).
  std::optional<Difference> Compare(const std::set<std::string>& refused = {}) const;

 private:
  struct Side {
    const Dirs* dirs;
    std::map<uint64_t, std::string> lower_names;  // inode number to "l2/a/b", the least of its names
  };
  using Maybe = std::optional<Difference>;
  static Side Describe(const Dirs& dirs);
  static std::string OriginText(const Side& side, const std::string& value);
  static Maybe CheckWork(const Dirs& dirs);
  bool HoldsCopy(const Side& side, const Snapshot& tree, const std::string& dir) const;
  Maybe CompareImpure(const Snapshot& a, const Snapshot& b) const;
  Maybe CompareNodes(const std::string& path, const Node& a, const Node& b) const;
  Maybe CompareOrigins(const std::string& path, const Node& a, const Node& b) const;

  // The name of a record.
  std::string Record(const char* name) const { return prefix_ + name; }
  std::string XattrText(const Node& node) const;

  const std::string prefix_;
  const Side first_, second_;
  const int64_t run_start_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_UPPER_CHECK_H_
