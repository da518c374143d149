// Comparing what the two sides answered.
//
// Owned by a run; one thread.  Equal means equal in everything but: inode numbers (one bijection a run),
// times of the run (which of them changed and their order, not their values), order and cookies of listings,
// st_blocks, directory sizes, statfs counts, and what a named mask allows.
#ifndef PLYFS_TESTS_DIFFERENTIAL_COMPARE_H_
#define PLYFS_TESTS_DIFFERENTIAL_COMPARE_H_

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/inode_pairs.h"
#include "tests/differential/masks.h"
#include "tests/differential/outcome.h"
#include "tests/differential/step.h"

namespace plyfs::diff {

struct Difference {
  // What kind it is, without names and numbers: the shrinker keeps to one kind.
  std::string kind;
  std::string text;
};

class Comparer {
 public:
  // `run_start`: seconds; later times are of the run and compared by change and order.
  Comparer(Masks* masks, int64_t run_start) : masks_(masks), run_start_(run_start) {}

  // After a crossed remount the first layers are served by plyfs: numbers then pair the other way round.
  void SetCrossed(bool crossed) {
    crossed_ = crossed;
    ever_crossed_ |= crossed;
  }
  // The live mounts become read-only, or end being so.
  void SetReadonly(bool read_only);
  // False in kernel-against-kernel runs: no mask may be used.
  void SetMasksAllowed(bool allowed) { masks_allowed_ = allowed; }

  // The mounts read the records of user.overlay, which symlinks and special files cannot have.
  void SetUserxattr(bool userxattr) { userxattr_ = userxattr; }
  // The layers may hold what mounts refuse, and whiteouts that only a lookup finds (D14).
  void SetRefusals(bool refusals) { refusals_ = refusals; }
  // False where two changes within a clock tick can leave one time: then no step is judged by what it moved.
  void SetFineTimes(bool fine) { fine_times_ = fine; }

  // Kinds of differences that are known and not to be reported.
  void SetIgnored(std::set<std::string> kinds) { ignored_ = std::move(kinds); }
  // The program is not plyfs: what the kernel does not keep itself is not asked of it (D10).
  void SetForeign(bool foreign) { foreign_ = foreign; }
  // What the sides are called in texts.
  void SetNames(std::string kernel, std::string ply) { names_ = {std::move(kernel), std::move(ply)}; }

  // True in *part when a mask was used after which the descriptor of the step means different things.
  std::optional<Difference> CompareOutcomes(const Step& step, const Outcome& kernel, const Outcome& ply,
                                            bool* part);
  std::optional<Difference> CompareTrees(const Snapshot& kernel, const Snapshot& ply,
                                         const std::string& when);
  // Two mounts of the same layers: numbers and times must be the same, not only alike.
  // `fresh`: the program was mounted for the snapshot, so that nothing of its client's caches is older.
  std::optional<Difference> CompareSameLayers(const Snapshot& kernel, const Snapshot& ply,
                                              const std::string& when, bool fresh);
  InodePairs& inodes() { return inodes_; }

 private:
  struct Rules {
    bool same_layers = false;
    bool fresh = true;
  };
  using Maybe = std::optional<Difference>;
  Maybe Reported(Difference difference) const;
  Maybe Differ(const std::string& kind, const std::string& subject, const std::string& kernel,
               const std::string& ply) const;
  template <typename T>
  Maybe DifferIf(const std::string& kind, const std::string& subject, const T& kernel, const T& ply) const;
  Maybe DifferIfText(const std::string& kind, const std::string& subject, const std::string& kernel,
                     const std::string& ply) const;
  Maybe CompareSights(const Sight& kernel, const Sight& ply, Rules rules);
  Maybe CompareNumbers(const Sight& kernel, const Sight& ply, Rules rules);
  Maybe CompareUnmoved(const Sight& kernel, const Sight& ply, Rules rules);
  Maybe CompareTimes(const Sight& kernel, const Sight& ply, Rules rules);
  Maybe CompareChanges(const Step& step, const Outcome& kernel, const Outcome& ply);
  Maybe CompareLists(const std::vector<ListEntry>& kernel, const std::vector<ListEntry>& ply);
  Maybe CompareNodes(const std::string& path, const Node& kernel, const Node& ply, Rules rules);
  Maybe CompareNames(const Snapshot& kernel, const Snapshot& ply, const std::set<std::string>& unread);
  Maybe CompareAll(const Snapshot& kernel, const Snapshot& ply, Rules rules, const std::string& when);
  Maybe CheckListedNumbers(const Snapshot& tree, bool plyfs_served);
  Maybe CompareListedNumbers(const Snapshot& kernel, const Snapshot& ply);
  Maybe CompareOrder(const Snapshot& kernel, const Snapshot& ply);
  bool MovedReadonly(const Sight& ply) const;
  bool OfTheRun(const statx_timestamp& t) const;

  Masks* const masks_;
  const int64_t run_start_;
  bool crossed_ = false;
  bool ever_crossed_ = false;
  bool masks_allowed_ = true;
  bool fine_times_ = true;
  bool userxattr_ = false;
  bool refusals_ = false;
  bool foreign_ = false;
  bool walked_apart_ = false;  // a walk of the tree has read directories on plyfs's side only (D14)
  std::vector<std::pair<int64_t, int64_t>> readonly_;  // when the mounts were so, in nanoseconds
  std::set<std::string> ignored_;
  std::pair<std::string, std::string> names_ = {"kernel", "plyfs"};
  InodePairs inodes_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_COMPARE_H_
