// The seam for tests: every wrapper of a system call asks the fault hook before it calls.
//
// A hook is set for one thread (ScopedFaults, unit tests) or, in debug builds only, for the process
// (PLYFS_FAULT, daemons under test).  Without a hook the price is one thread-local load a call.
//
// A plan in words, rules parted by commas; the first rule that fires decides:
//   rename=EIO         every rename fails           rename@3=EIO    only the third
//   rename@3+=EIO      the third and all after it   any@9=ENOSPC    the ninth call of whatever kind
//   change@4=kill      SIGKILL to the process before its fourth change of the disk
//   change@4=dead      from the fourth change on none happens any more (EIO): a crash without dying
//   read@2=short       the second read moves half of what it was asked to move; so do writes and
//                      copy_file_range, and any other call is left alone
//   change=log         a line on standard error for each change that was asked for, with what came of it
//   linux6.1           calls younger than Linux 6.1 answer as that kernel does
// EINTR is what the call itself answers: the wrapper calls again, and the hook is asked again.
#ifndef PLYFS_ENGINE_IO_FAULT_H_
#define PLYFS_ENGINE_IO_FAULT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace plyfs {

enum class Op : uint8_t {
  kOpen,
  kCreate,
  kOpenTree,
  kStatx,
  kStatxNewFields,
  kStatFs,
  kAccess,
  kGetdents,
  kReadLink,
  kMkdir,
  kMknod,
  kSymlink,
  kLink,
  kUnlink,
  kRename,
  kGetXattr,
  kListXattr,
  kSetXattr,
  kRemoveXattr,
  kXattrAt,
  kRead,
  kWrite,
  kTruncate,
  kFallocate,
  kSeek,
  kFsync,
  kSyncFs,
  kCopyFileRange,
  kClone,
  kGetFlags,
  kSetFlags,
  kChown,
  kChmod,
  kFchmodat2,
  kUtimens,
  kNameToHandle,
  kOpenByHandle,
  kGetFsUuid,
  kFsIds,
  kUmask,
  kUringSetup,
  kUringSubmit,
  kCount,
};

const char* OpName(Op op);
// Whether the call changes what is on disk.
bool OpChangesDisk(Op op);
// What a kernel of version 6.1 answers to a call that is younger; 0 for a call that it has.
int OpErrorOnLinux61(Op op);

// What Before may answer instead of an errno: move less than was asked.
inline constexpr int kFaultShort = -1;

class FaultHook {
 public:
  virtual ~FaultHook() = default;
  // 0: go on and call; else the errno to answer with instead of calling, or kFaultShort.  Any thread.
  virtual int Before(Op op) = 0;
  // The call was made and gave this errno, or 0.  Not told of calls that Before has answered.
  virtual void After(Op op, int error) {}
};

// A hook that follows a plan written as above.  Counters are shared by all threads that ask it.
class FaultPlan : public FaultHook {
 public:
  // EINVAL: not a plan.
  static Result<std::unique_ptr<FaultPlan>> Parse(std::string_view plan);

  int Before(Op op) override;
  void After(Op op, int error) override;
  // How many changes of the disk have been asked for: the steps at which a test may crash.
  uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }

 private:
  enum class Match : uint8_t { kOp, kAny, kChange, kLinux61 };
  struct Rule {
    Match match = Match::kOp;
    Op op = Op::kCount;
    uint64_t from = 1;
    uint64_t to = UINT64_MAX;
    int error = 0;  // or kFaultShort, or one of those below
    std::atomic<uint64_t> seen{0};
  };
  static constexpr int kKill = -2;
  static constexpr int kDead = -3;
  static constexpr int kLog = -4;

  static int ActionByName(std::string_view action);
  static Result<std::unique_ptr<Rule>> ParseRule(std::string_view text);
  static bool Matches(const Rule& rule, Op op);
  bool Fires(Rule& rule, Op op);

  std::vector<std::unique_ptr<Rule>> rules_;
  std::unique_ptr<Rule> logged_;  // null: nothing is
  std::atomic<uint64_t> changes_{0};
  std::atomic<bool> dead_{false};
};

namespace fault_internal {
extern thread_local constinit FaultHook* thread_hook;
#ifdef PLYFS_DEBUG
extern std::atomic<FaultHook*> process_hook;
#endif
int Ask(FaultHook& hook, Op op);
}  // namespace fault_internal

inline FaultHook* CurrentFaults() {
  FaultHook* hook = fault_internal::thread_hook;
#ifdef PLYFS_DEBUG
  if (hook == nullptr) hook = fault_internal::process_hook.load(std::memory_order_acquire);
#endif
  return hook;
}

// 0, or what to answer with: an errno, never EINTR, or kFaultShort where data is moved.  What every wrapper
// asks first.
inline int FaultAt(Op op) {
  FaultHook* hook = CurrentFaults();
  return hook == nullptr ? 0 : fault_internal::Ask(*hook, op);
}
// What every wrapper tells when the call was made.
inline void CallMade(Op op, int error) {
  if (FaultHook* hook = CurrentFaults()) hook->After(op, error);
}

// Faults for this thread as long as it lives; the hook stays the caller's.
class ScopedFaults {
 public:
  explicit ScopedFaults(FaultHook* hook) : before_(fault_internal::thread_hook) {
    fault_internal::thread_hook = hook;
  }
  ~ScopedFaults() { fault_internal::thread_hook = before_; }
  ScopedFaults(const ScopedFaults&) = delete;
  ScopedFaults& operator=(const ScopedFaults&) = delete;

 private:
  FaultHook* before_;
};

// Reads PLYFS_FAULT once; before threads start.  EINVAL for a plan that does not parse (a test whose faults
// never come would pass for nothing).  Release builds do not look.
Status InstallFaultsFromEnvironment();

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_FAULT_H_
