// Masks: the differences between plyfs and the kernel that are meant, each a named function citing its rule,
// which counts how often it was needed.
//
// Owned by the program, shared by its runs; one thread.  A mask is asked only after the two sides were found
// unequal; `kernel` and `ply` are who served, not whose layers.  A kernel-against-kernel run must use none.
#ifndef PLYFS_TESTS_DIFFERENTIAL_MASKS_H_
#define PLYFS_TESTS_DIFFERENTIAL_MASKS_H_

#include <cstdint>
#include <map>
#include <string>

#include "tests/differential/outcome.h"
#include "tests/differential/step.h"

namespace plyfs::diff {

class Masks {
 public:
  // D9, X5 [P]: the kernel lists a raw whiteout whose lookup is ENOENT, plyfs does not.
  bool GhostListed(const ListEntry* kernel, const ListEntry* ply);
  bool GhostListed(const Node* kernel, const Node* ply);
  // D14 [P]: the kernel leaves out of an upper directory that is marked impure xattr whiteouts that it lists
  // elsewhere (X5), plyfs does not.
  bool GhostListedByPly(const ListEntry& ply);
  bool GhostListedByPly(const Node& ply);
  // D14 [P]: plyfs lists a name whose lookup is refused, as any other.  The kernel looks up what it lists of
  // an upper directory that is marked impure, and regular files of one with opaque=x: where layers are
  // merged, such a name ends the reading with its errno and is left out of the next; an unmerged impure
  // directory cannot be read at all (readdir.c:ovl_cache_update, ovl_dir_read_impure).
  bool RefusedNotListed(const ListEntry& ply);
  bool RefusedNotListed(const Node& ply);
  bool RefusedEndsListing(const Step& step, const Outcome& kernel, const Outcome& ply);
  bool RefusedEndsListing(const std::string& path, const Snapshot& kernel, const Snapshot& ply);
  // D9, X5 [P]: the kernel finds a directory of raw whiteouts not empty.  The step is left out, since the
  // trees would part.  Not a difference seen but one avoided; so it counts in kernel-only runs too.
  void GhostDirectorySkipped() { ++skipped_["D9 step on a directory of raw whiteouts"]; }
  // A10 [F]: docs/differences.md; with set-id bits and a writer about plyfs cannot tell it from a write to
  // come.
  void WriteBeyondTheEndSkipped() { ++skipped_["F28 write or fallocate too far without privileges"]; }
  void SetGidWithoutAclSkipped() { ++skipped_["A9 removal by a stranger of a set-group-id object's ACL"]; }
  void ChownToNobodySkipped() {
    ++skipped_["A10 chown(-1, -1) of a set-id file, by a stranger or held open"];
  }
  // F5 [F]: docs/differences.md; the client removes set-id bits before it asks, and is then refused.
  void CopyBeyondTheEndSkipped() { ++skipped_["F5 refused copy to a set-id file by a stranger"]; }
  // N19 [P]: a metadata change by the descriptor of an unlinked lower object that is no regular file makes
  // the kernel put its copy under the old name, over whatever has that name now
  // (copy_up.c:ovl_copy_up_workdir).
  void UnlinkedSpecialSkipped() { ++skipped_["N19 change of an unlinked special file or directory"]; }
  // Not a difference: what a filesystem without multigrain timestamps keeps from being compared.
  void TimesTooCoarse() { ++skipped_["times moved by a step: too coarse here"]; }
  // S10 [P]: the last name of a lower file is gone; the kernel goes on showing the lower count.
  bool UnlinkedLowerNlink(const Sight& kernel, const Sight& ply);
  // N19 [P]: metadata changes through a read-only descriptor of an unlinked lower file: EEXIST in the kernel.
  bool UnlinkedLowerChange(const Step& step, const Outcome& kernel, const Outcome& ply);
  // C19 [P]: the kernel maps the lower file through a descriptor opened before the copy-up, plyfs the upper;
  // where the lower one is shorter, the kernel's mapping faults, and where the upper one is empty, plyfs's.
  bool MappingOfOldDescriptor(const Outcome& kernel, const Outcome& ply);
  bool MappingBeyondFile(const Step& step, const Outcome& kernel, const Outcome& ply);
  // C21 [F]: reads answered from FUSE's page cache move no atime.
  bool AtimeNotMoved(const Sight& kernel, const Sight& ply, int64_t run_start);
  // C21 [F]: the program is not told that its mount became read-only, so its reads go on moving atimes.
  bool AtimeMovedReadonly(const Sight& kernel, int64_t run_start);
  // D11 [P]: the kernel drops a stale impure mark when it lists a directory, plyfs does not.
  bool ImpureDropped(const Step& step, const Sight& kernel);
  // A refused rename then marks its destination again (R20).
  bool ImpureSetAgain(const Step& step, const Outcome& kernel, const Sight& dir);
  // R18: plyfs marks the destination of whatever has an origin, also one that means nothing (L21), which
  // shows where the rename is then refused.  Any mark is allowed (Z2).
  bool ImpureForNothing(const Step& step, const Outcome& kernel, const Sight& dir);
  // A9 [F]: removing an access ACL that is not there may take set-group-id; the kernel leaves the ctime.
  bool SetGidGoesInSilence(const Step& step, const Sight& before, const Sight& after);
  // As long as it is there it takes room in the list that a caller has to offer (ovl_listxattr).
  bool ImpureTakesRoom(const Step& step, const Outcome& kernel, const Outcome& ply);
  // D10 [P]: the kernel lists another number than stat tells.
  bool ListedNumber(bool plyfs_served);
  // D10: both list a copy in a directory without an impure mark by upper's number.  A fresh mount that has
  // upper as a lower layer shows that number only.
  bool CopyInUnmarkedDirectory() { return Use("D10 copy in an unmarked directory"); }
  // C15: with userxattr a copied-up symlink or special file has no origin.  Its number is another after a
  // remount, on either side; in the kernel also under the next link that is made to it.
  void NumberWithoutOrigin() { ++counts_["C15 number of a symlink or special file, userxattr"]; }
  // F23 [F]: birth times come by FUSE_STATX, of protocol 7.39; docs/differences.md, Linux 6.1.
  bool NoBirthTime(const Sight& kernel, const Sight& ply);
  // F23 [F]: once it knows a birth time the client shows it until it asks again, also of a file copied up
  // since.
  bool BirthTimeCached() { return Use("F23 birth time from before a copy-up"); }
  // Not a rule but the definition of equal: where holes lie follows from st_blocks.
  bool HoleLayout(const Step& step, const Outcome& kernel, const Outcome& ply);
  // L16 [F]: docs/differences.md; the client reads a file to its size, where the data of a metacopy file may
  // go on.
  bool DataBeyondSize(const Node& kernel, const Node& ply);
  // L14 [P]: a directory that two names lead to; ESTALE or ELOOP in the kernel, plyfs shows both.
  void ClaimedTwice() { ++counts_["L14 directory claimed twice"]; }

  const std::map<std::string, uint64_t>& counts() const { return counts_; }
  const std::map<std::string, uint64_t>& skipped() const { return skipped_; }

 private:
  bool Use(const char* name) { return ++counts_[name], true; }

  std::map<std::string, uint64_t> counts_, skipped_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_MASKS_H_
