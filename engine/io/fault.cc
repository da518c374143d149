#include "engine/io/fault.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace plyfs {
namespace {

struct OpFacts {
  Op op;
  const char* name;
  bool changes_disk = false;
  int error_on_linux61 = 0;
};

constexpr std::array<OpFacts, static_cast<size_t>(Op::kCount)> kOps = {{
    {Op::kOpen, "open"},
    {Op::kCreate, "create", true},
    {Op::kOpenTree, "open_tree"},
    {Op::kStatx, "statx"},
    // Not a call but the fields that statx learnt after 6.1 (subvolume number, unique mount ids).
    {Op::kStatxNewFields, "statx_new_fields", false, EINVAL},
    {Op::kStatFs, "statfs"},
    {Op::kAccess, "access"},
    {Op::kGetdents, "getdents"},
    {Op::kReadLink, "readlink"},
    {Op::kMkdir, "mkdir", true},
    {Op::kMknod, "mknod", true},
    {Op::kSymlink, "symlink", true},
    {Op::kLink, "link", true},
    {Op::kUnlink, "unlink", true},
    {Op::kRename, "rename", true},
    {Op::kGetXattr, "getxattr"},
    {Op::kListXattr, "listxattr"},
    {Op::kSetXattr, "setxattr", true},
    {Op::kRemoveXattr, "removexattr", true},
    // Whether the four younger calls may be used, asked after one of the four above.
    {Op::kXattrAt, "xattrat", false, ENOSYS},
    {Op::kRead, "read"},
    {Op::kWrite, "write", true},
    {Op::kTruncate, "truncate", true},
    {Op::kFallocate, "fallocate", true},
    {Op::kSeek, "seek"},
    {Op::kFsync, "fsync", true},
    {Op::kSyncFs, "syncfs", true},
    {Op::kCopyFileRange, "copy_file_range", true},
    {Op::kClone, "clone", true},
    {Op::kGetFlags, "getflags"},
    {Op::kSetFlags, "setflags", true},
    {Op::kChown, "chown", true},
    {Op::kChmod, "chmod", true},
    // Whether the younger call may be used; Op::kChmod is asked for either.
    {Op::kFchmodat2, "fchmodat2", false, ENOSYS},
    {Op::kUtimens, "utimens", true},
    {Op::kNameToHandle, "name_to_handle"},
    {Op::kOpenByHandle, "open_by_handle"},
    {Op::kGetFsUuid, "getfsuuid", false, ENOTTY},
    {Op::kFsIds, "setfsid"},
    {Op::kUmask, "umask"},
    {Op::kUringSetup, "io_uring_setup"},
    {Op::kUringSubmit, "io_uring_submit"},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kOps.size(); ++i) {
    if (kOps[i].op != static_cast<Op>(i)) return false;
  }
  return true;
}
static_assert(InOrder(), "kOps is indexed by Op");

Op OpByName(std::string_view name) {
  for (const OpFacts& facts : kOps) {
    if (name == facts.name) return facts.op;
  }
  return Op::kCount;
}

int ErrnoByName(std::string_view name) {
  constexpr int kErrnoMax = 4095;
  for (int e = 1; e <= kErrnoMax; ++e) {
    const char* known = ::strerrorname_np(e);
    if (known != nullptr && name == known) return e;
  }
  return 0;
}

}  // namespace

int FaultPlan::ActionByName(std::string_view action) {
  if (action == "kill") return kKill;
  if (action == "dead") return kDead;
  if (action == "short") return kFaultShort;
  if (action == "log") return kLog;
  return ErrnoByName(action);
}

namespace fault_internal {
thread_local constinit FaultHook* thread_hook = nullptr;
#ifdef PLYFS_DEBUG
std::atomic<FaultHook*> process_hook{nullptr};
#endif

int Ask(FaultHook& hook, Op op) {
  int answer = EINTR;
  while (answer == EINTR) answer = hook.Before(op);
  bool moves_data = op == Op::kRead || op == Op::kWrite || op == Op::kCopyFileRange;
  return answer == kFaultShort && !moves_data ? 0 : answer;
}
}  // namespace fault_internal

const char* OpName(Op op) {
  return kOps[static_cast<size_t>(op)].name;
}
bool OpChangesDisk(Op op) {
  return kOps[static_cast<size_t>(op)].changes_disk;
}
int OpErrorOnLinux61(Op op) {
  return kOps[static_cast<size_t>(op)].error_on_linux61;
}

Result<std::unique_ptr<FaultPlan::Rule>> FaultPlan::ParseRule(std::string_view text) {
  auto rule = std::make_unique<Rule>();
  if (text == "linux6.1") {
    rule->match = Match::kLinux61;
    return rule;
  }
  size_t equals = text.find('=');
  if (equals == std::string_view::npos) return Errno(EINVAL);
  std::string_view what = text.substr(0, equals);
  std::string_view action = text.substr(equals + 1);

  if (size_t at = what.find('@'); at != std::string_view::npos) {
    std::string_view count = what.substr(at + 1);
    what = what.substr(0, at);
    bool onward = !count.empty() && count.back() == '+';
    if (onward) count.remove_suffix(1);
    auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), rule->from);
    if (error != std::errc() || end != count.data() + count.size() || rule->from == 0) return Errno(EINVAL);
    if (!onward) rule->to = rule->from;
  }

  rule->match = what == "any" ? Match::kAny : what == "change" ? Match::kChange : Match::kOp;
  if (rule->match == Match::kOp) {
    rule->op = OpByName(what);
    if (rule->op == Op::kCount) return Errno(EINVAL);
  }
  rule->error = ActionByName(action);
  if (rule->error == 0) return Errno(EINVAL);
  return rule;
}

Result<std::unique_ptr<FaultPlan>> FaultPlan::Parse(std::string_view plan) {
  auto made = std::make_unique<FaultPlan>();
  while (!plan.empty()) {
    size_t comma = plan.find(',');
    PLY_TRY(auto rule, ParseRule(plan.substr(0, comma)));
    if (rule->error == kLog) {
      made->logged_ = std::move(rule);
    } else {
      made->rules_.push_back(std::move(rule));
    }
    plan = comma == std::string_view::npos ? std::string_view() : plan.substr(comma + 1);
  }
  return made;
}

bool FaultPlan::Matches(const Rule& rule, Op op) {
  switch (rule.match) {
    case Match::kLinux61:
      return OpErrorOnLinux61(op) != 0;
    case Match::kOp:
      return op == rule.op;
    case Match::kChange:
      return OpChangesDisk(op);
    case Match::kAny:
      return true;
  }
  return false;
}

bool FaultPlan::Fires(Rule& rule, Op op) {
  if (!Matches(rule, op)) return false;
  if (rule.match == Match::kLinux61) return true;
  uint64_t nth = rule.seen.fetch_add(1, std::memory_order_relaxed) + 1;
  return nth >= rule.from && nth <= rule.to;
}

int FaultPlan::Before(Op op) {
  if (OpChangesDisk(op)) {
    changes_.fetch_add(1, std::memory_order_relaxed);
    if (dead_.load(std::memory_order_relaxed)) return EIO;
  }
  int answer = 0;
  // All rules count every call, also one that an earlier rule has answered: "@N" means the Nth asked.
  for (auto& rule : rules_) {
    if (!Fires(*rule, op) || answer != 0) continue;
    answer = rule->match == Match::kLinux61 ? OpErrorOnLinux61(op) : rule->error;
  }
  if (answer == kKill) {
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
  if (answer == kDead) {
    dead_.store(true, std::memory_order_relaxed);
    return EIO;
  }
  return answer;
}

void FaultPlan::After(Op op, int error) {
  if (logged_ == nullptr || !Matches(*logged_, op)) return;
  char line[80];
  int size = std::snprintf(line, sizeof line, "plyfs: call %s %s\n", OpName(op),
                           error == 0 ? "made" : ::strerrorname_np(error));
  // One call a line, so that those of several threads do not mix.
  (void)!::write(STDERR_FILENO, line, static_cast<size_t>(size));
}

Status InstallFaultsFromEnvironment() {
#ifdef PLYFS_DEBUG
  const char* text = ::getenv("PLYFS_FAULT");
  if (text == nullptr) return OkStatus();
  PLY_TRY(auto plan, FaultPlan::Parse(text));
  // Lives as long as the process: threads may ask it until the very end.
  fault_internal::process_hook.store(plan.release(), std::memory_order_release);
#endif
  return OkStatus();
}

}  // namespace plyfs
