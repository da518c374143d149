// WorkDir: W/work, where everything that lands in upper is made first, and the locks of upper and work.
//
// Owned by Parts; any thread.  What it makes is private until it is renamed or linked into upper.  Names are
// `#` and hex digits (M15) and never deeper than two levels (M14), so that the kernel can clean what a killed
// daemon leaves.  Locks are flock(2) on the directories: no trace on disk, gone with the process.
#ifndef PLYFS_ENGINE_LAYER_WORK_DIR_H_
#define PLYFS_ENGINE_LAYER_WORK_DIR_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "engine/base/mutex.h"
#include "engine/base/result.h"
#include "engine/format/stack_config.h"
#include "engine/io/unique_fd.h"
#include "engine/layer/layer.h"

namespace plyfs {

class WorkDir {
 public:
  // Checks work against upper and waits up to five seconds for their locks; changes nothing on disk.  On
  // failure *error_line is one line naming the option.
  static Result<std::unique_ptr<WorkDir>> Claim(const Layer& upper, const StackConfig& config,
                                                std::string* error_line);
  // Makes and empties W/work, sees that whiteouts can be left and with fsync=volatile leaves the mark of M29.
  // Once, before all that follows.
  Status Prepare(const StackConfig& config, std::string* error_line);
  // Another mount may have both directories from now on.  REQUIRES: nothing touches them any more.
  void Unlock();
  ~WorkDir();

  // Of W/work.
  int fd() const { return work_.get(); }
  // A name that is not in use in W/work.
  std::string TempName();
  // A whiteout under a temporary name, ready to be renamed into place (X4): a link to a shared one where the
  // filesystem's link limit allows.
  Result<std::string> MakeWhiteout();
  // Best effort: removes a temporary, a directory with what it holds.
  void Discard(const std::string& name);
  // Removes everything inside the directory behind `dir`, any depth.
  static Status Empty(int dir);

 private:
  WorkDir() = default;
  Status Place(const Layer& upper, const StackConfig& config, std::string* error_line);
  Status Lock(const Layer& upper, const StackConfig& config, std::string* error_line);
  Status CheckMarks(int base, const std::string& path, std::string* error_line);
  Status MakeWork(const std::string& path, bool* made, std::string* error_line);
  Status FillWork(const StackConfig& config, std::string* error_line);
  Status ProbeWhiteouts(const StackConfig& config, std::string* error_line);
  Status MarkVolatile();

  UniqueFd upper_lock_, base_, work_;
  std::atomic<uint64_t> next_{0};
  Mutex whiteout_mu_{LockRank::kWhiteout};
  std::string shared_whiteout_ ABSL_GUARDED_BY(whiteout_mu_);
};

// Something under a temporary name in W/work; removed when this goes, unless it was kept.  After an exchange
// it stands for what was moved out of upper.
class WorkTemp {
 public:
  explicit WorkTemp(WorkDir& work) : WorkTemp(work, work.TempName()) {}
  WorkTemp(WorkDir& work, std::string name) : work_(&work), name_(std::move(name)) {}
  WorkTemp(WorkTemp&& other) noexcept
      : work_(std::exchange(other.work_, nullptr)), name_(std::move(other.name_)) {}
  WorkTemp& operator=(WorkTemp&&) = delete;
  ~WorkTemp() {
    if (work_) work_->Discard(name_);
  }

  int dir() const { return work_->fd(); }
  const char* name() const { return name_.c_str(); }
  // It was moved into upper, or is gone.
  void Keep() { work_ = nullptr; }

 private:
  WorkDir* work_;
  std::string name_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_WORK_DIR_H_
