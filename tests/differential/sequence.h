// Sequence: the mounts of a run and its steps, performed on both and compared.
//
// Owned by Perform (run.h); one thread, root.  Its end leaves no mount behind.
#ifndef PLYFS_TESTS_DIFFERENTIAL_SEQUENCE_H_
#define PLYFS_TESTS_DIFFERENTIAL_SEQUENCE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "tests/differential/executor.h"
#include "tests/differential/run.h"
#include "tests/differential/upper_check.h"

namespace plyfs::diff {

// A daemon that does not answer would hang the step for ever: its death turns that into ENOTCONN.
inline constexpr unsigned kHangSeconds = 120;
// The program that is ended when a step takes for ever; 0: none.
extern volatile pid_t g_watched_daemon;

class Sequence {
 public:
  Sequence(const RunPlan& plan, Dirs first, Dirs second, std::string log_path, Masks* masks, Table* table);
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  RunResult Go();

 private:
  using Maybe = std::optional<Difference>;
  Maybe Mount();
  Maybe Unmount();
  Maybe DoSteps(RunResult* result);
  Maybe DoStep(const Step& step, int* error);
  Maybe DoStepOfTheRun(const Step& step, int* error);
  Maybe SetReadonly(const Step& step, int* error);
  Maybe Remount(const Step& step);
  // sequence_faults.cc
  Maybe DoFaulted(const Step& step, const Step& fault, int* error);
  Maybe KillBetween(const Step& step, int* error);
  Maybe Judge(const Step& step, const Step& fault, const Snapshot& before, Outcome ply, int* error);
  Maybe MountAfterKill();
  Outcome RunKilled(const Step& step, int64_t after_us);
  Outcome RunFull(const Step& step);
  Maybe CheckTrees(const std::string& when);
  Maybe CheckEnd();
  bool HeldOpen(const Sight& object);
  bool LeaveOut(const Step& step);
  void PinWhatMayGo(const Step& step);
  void ForgetTemporary(int slot);
  void NameDeath(Difference* difference) const;
  void CloseAll();
  void CountStep(const Step& step, const Outcome& kernel);

  const RunPlan& plan_;
  Masks* const masks_;
  Table* const table_;
  const int64_t start_;
  Mounter mounter_;
  Comparer comparer_;
  UpperCheck uppers_;
  Pins pins_;
  Executor kernel_, ply_;
  bool read_only_ = false;   // the live mounts are
  bool xwhiteouts_ = false;  // the world has xattr whiteouts
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_SEQUENCE_H_
