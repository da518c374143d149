// Executor: performs steps on one mount and tells what came of them.
//
// Owned by a run, one a side; one thread, which must be root and the only one that cares about its effective
// ids (they change during a step).  Descriptors opened by steps live in slots until closed, replaced or
// CloseAll().  A step naming an empty slot is EBADF and does nothing, so any subset of a sequence is a
// sequence.
#ifndef PLYFS_TESTS_DIFFERENTIAL_EXECUTOR_H_
#define PLYFS_TESTS_DIFFERENTIAL_EXECUTOR_H_

#include <array>
#include <string>
#include <vector>

#include "tests/differential/outcome.h"
#include "tests/differential/step.h"

namespace plyfs::diff {

class Executor {
 public:
  explicit Executor(std::string mount);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  Outcome Run(const Step& step);

  const std::string& mount() const { return mount_; }
  bool SlotOpen(int slot) const { return fds_[static_cast<size_t>(slot)] >= 0; }
  void CloseSlot(int slot);
  void CloseAll();
  // Where paths go from now on: the other side's mount after a crossed remount.
  void SetMount(std::string mount) { mount_ = std::move(mount); }
  // Names listed in the directory (as root) that cannot be looked up.
  bool HasGhosts(const std::string& path) const;
  // A directory of several members in which nothing is seen.
  bool IsEmptyMerge(const std::string& path) const;
  bool IsDir(const std::string& path) const;
  // The path with symlinks on the way to its last component followed, as it lies in the mount and in upper.
  std::string WithoutSymlinks(const std::string& path) const;
  Sight Look(const std::string& path) const;
  Sight LookSlot(int slot) const;

 private:
  int Act(const Step& step, Outcome* out);
  int ActOnNames(const Step& step);
  int ActOnAttributes(const Step& step, Outcome* out);
  int ActOnSlot(const Step& step, int fd, Outcome* out);
  int ActOnData(const Step& step, int fd, Outcome* out);
  int Open(const Step& step);
  int Mmap(const Step& step, int fd, Outcome* out);
  int CopyRange(const Step& step, int fd, Outcome* out);
  int Seek(const Step& step, int fd, Outcome* out);
  int ReadDirectory(const Step& step, Outcome* out);
  std::vector<Sight> Watch(const Step& step) const;
  std::string Full(const std::string& path) const;

  std::string mount_;
  std::array<int, kSlots> fds_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_EXECUTOR_H_
