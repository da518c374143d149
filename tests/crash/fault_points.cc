#include "tests/crash/fault_points.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <memory>
#include <thread>

#include "engine/io/fault.h"
#include "engine/union_fs/union_fs.h"
#include "tests/crash/engine_client.h"
#include "tests/crash/state.h"
#include "tests/crash/upper_rules.h"
#include "tests/crash/world.h"

namespace plyfs::crash {
namespace {

// What a call answers in its place, from the nth on or only then.
struct Fault {
  const char* name;
  int answer;
  bool changes_only = false;  // counts calls that change the disk, not all
  bool onward = false;        // all that follow of these, too
};
constexpr Fault kFaults[] = {
    {"EIO", EIO},
    {"ENOSPC", ENOSPC},
    {"EDQUOT", EDQUOT},
    {"EMFILE", EMFILE},
    {"ENOMEM", ENOMEM},
    {"ESTALE", ESTALE},
    {"EINTR", EINTR},
    {"short", kFaultShort},
    {"dead", EIO, true, true},
    {"full", ENOSPC, true, true},
};

class FailNth : public FaultHook {
 public:
  FailNth(const Fault& fault, size_t nth) : fault_(fault), nth_(nth) {}
  int Before(Op op) override {
    if (fault_.changes_only && !OpChangesDisk(op)) return 0;
    ++seen_;
    return seen_ == nth_ || (fault_.onward && seen_ > nth_) ? fault_.answer : 0;
  }

 private:
  const Fault& fault_;
  const size_t nth_;
  size_t seen_ = 0;
};

class Record : public FaultHook {
 public:
  int Before(Op op) override {
    ops.push_back(op);
    if (OpChangesDisk(op)) changes.push_back(op);
    return 0;
  }
  std::vector<Op> ops, changes;
};

bool MovesData(Op op) {
  return op == Op::kRead || op == Op::kWrite || op == Op::kCopyFileRange;
}

// What a case does without faults.
struct Trail {
  std::vector<State> states;      // before the acts, and after each
  std::vector<std::string> data;  // that each act read
};

std::string Quoted(const char* what, const std::string& difference) {
  return difference.empty() ? "" : std::string(what) + ": " + difference;
}

class FaultRun {
 public:
  FaultRun(const Case& c, const std::string& root) : case_(c), root_(root) {}

  // Empty, or why the case cannot be done at all.
  std::string Learn();
  // The calls that the fault can strike.  `warm`: everything was looked at before.
  const std::vector<Op>& Calls(const Fault& fault, bool warm) const {
    return fault.changes_only ? records_[warm].changes : records_[warm].ops;
  }
  // Empty, or what was wrong.  *late: answered with an error, and done.
  std::string Try(const Fault& fault, size_t nth, bool warm, bool* late);
  // A case without acts is the mounting itself, over leftovers in work.
  bool mounting() const { return case_.acts.empty(); }

 private:
  using Engine = std::unique_ptr<UnionFs>;
  Result<Engine> Mount(bool peek, std::string* why) const;
  std::string LearnMounting();
  std::string TryMounting(FaultHook* hook) const;
  std::string Begin(Engine* fs, std::unique_ptr<EngineClient>* client, bool warm) const;
  // The acts from `first` on, until one fails; how many were done.  On a thread of its own: acts leave its
  // umask and ids as they needed them.
  size_t Act(FaultHook* hook, EngineClient* client, size_t first, int* error, std::string* wrong);
  size_t ActHere(EngineClient* client, size_t first, int* error, std::string* wrong);
  std::string Compare(const char* what, State found, size_t done, bool failed) const;
  std::string PeekAtDisk(size_t done, bool failed) const;
  bool IsDoneAll(EngineClient* client, size_t done) const;
  std::string RemountAndCompare(size_t done, bool failed, bool crashed) const;

  const Case& case_;
  const std::string root_;
  Trail trail_;
  Record records_[2];  // cold and warm
};

// `peek`: read-only, beside a mount of the same upper.
Result<FaultRun::Engine> FaultRun::Mount(bool peek, std::string* why) const {
  StackConfig config;
  config.lowerdirs = {root_ + "/a", root_ + "/b"};
  if (peek) {
    config.lowerdirs.insert(config.lowerdirs.begin(), root_ + "/u");
  } else {
    config.upperdir = root_ + "/u";
    config.workdir = root_ + "/w";
  }
  config.lower = LowerMode::kFrozen;
  config.use_io_uring = false;
  if (case_.redirect) config.redirect_dir = RedirectDir::kOn;
  config.opaque_mkdir = case_.redirect;
  if (case_.sync) config.fsync = FsyncPolicy::kStrict;
  return UnionFs::Open(config, why);
}

std::string FaultRun::Begin(Engine* fs, std::unique_ptr<EngineClient>* client, bool warm) const {
  MakeUpper(root_);
  std::string why;
  Result<Engine> opened = Mount(/*peek=*/false, &why);
  if (!opened.ok()) return "cannot mount: " + why;
  *fs = *std::move(opened);
  *client = std::make_unique<EngineClient>(fs->get());
  for (const crash::Act& act : case_.before) {
    if (int error = (*client)->Do(act).error; error != 0) return ActText(act) + ": " + strerror(error);
  }
  if (warm) (void)(*client)->Look();
  return "";
}

size_t FaultRun::Act(FaultHook* hook, EngineClient* client, size_t first, int* error, std::string* wrong) {
  size_t done = first;
  std::thread([&] {
    ScopedFaults faults(hook);
    done = ActHere(client, first, error, wrong);
  }).join();
  return done;
}

size_t FaultRun::ActHere(EngineClient* client, size_t first, int* error, std::string* wrong) {
  for (size_t i = first; i < case_.acts.size(); ++i) {
    EngineClient::Answer answer = client->Do(case_.acts[i]);
    *error = answer.error;
    if (answer.error != 0) return i;
    if (trail_.data.size() <= i) trail_.data.push_back(answer.data);
    if (answer.data != trail_.data[i])
      *wrong = ActText(case_.acts[i]) + " read " + answer.data + ", not " + trail_.data[i];
  }
  return case_.acts.size();
}

// A mount that fails leaves layers that the next one takes; one that works has emptied work.
std::string FaultRun::TryMounting(FaultHook* hook) const {
  MakeUpper(root_);
  LeaveInWork(root_);
  std::string wrong;
  {
    ScopedFaults faults(hook);
    std::string why;
    if (Mount(/*peek=*/false, &why).ok()) {
      wrong = LeftInWork(root_, /*all=*/false);
    } else if (why.empty()) {
      wrong = "the mount failed without a word";
    }
  }
  if (wrong.empty()) wrong = BrokenRule(root_);
  return wrong.empty() ? RemountAndCompare(0, false, false) : wrong;
}

std::string FaultRun::LearnMounting() {
  Engine fs;
  std::unique_ptr<EngineClient> client;
  if (std::string why = Begin(&fs, &client, /*warm=*/false); !why.empty()) return why;
  trail_.states.push_back(StateOf(client->Look()));
  client.reset();
  fs.reset();
  return TryMounting(&records_[0]);
}

std::string FaultRun::Learn() {
  if (mounting()) return LearnMounting();
  Engine fs;
  std::unique_ptr<EngineClient> client;
  if (std::string why = Begin(&fs, &client, /*warm=*/true); !why.empty()) return why;
  trail_.states.push_back(StateOf(client->Look()));
  for (const crash::Act& act : case_.acts) {
    EngineClient::Answer answer = client->Do(act);
    if (answer.error != 0) return ActText(act) + ": " + strerror(answer.error);
    trail_.data.push_back(answer.data);
    trail_.states.push_back(StateOf(client->Look()));
  }
  for (bool warm : {false, true}) {
    client.reset();
    fs.reset();
    if (std::string why = Begin(&fs, &client, warm); !why.empty()) return why;
    int error = 0;
    std::string wrong;
    Act(&records_[warm], client.get(), 0, &error, &wrong);
    if (error != 0 || !wrong.empty()) return wrong.empty() ? strerror(error) : wrong;
  }
  return "";
}

std::string FaultRun::Compare(const char* what, State found, size_t done, bool failed) const {
  const State& expected = trail_.states[done];
  if (failed && ChangesData(case_.acts[done])) {
    ForgiveChangedData(expected, trail_.states[done + 1], expected, &found);
  }
  return Quoted(what, DifferenceOf(expected, found));
}

std::string FaultRun::PeekAtDisk(size_t done, bool failed) const {
  std::string why;
  Result<Engine> fresh = Mount(/*peek=*/true, &why);
  if (!fresh.ok()) return "cannot look at the layers: " + why;
  return Compare("on disk", StateOf(EngineClient(fresh->get()).Look()), done, failed);
}

// A mount of the same layers takes what is in work away; after a crash either tree may be there.
std::string FaultRun::RemountAndCompare(size_t done, bool failed, bool crashed) const {
  std::string why;
  Result<Engine> again = Mount(/*peek=*/false, &why);
  if (!again.ok()) return "cannot mount again: " + why;
  const State found = StateOf(EngineClient(again->get()).Look());
  std::string wrong = Compare("after a new mount", found, done, failed);
  if (!wrong.empty() && crashed && failed && Compare("", found, done + 1, false).empty()) wrong.clear();
  return wrong.empty() ? LeftInWork(root_, /*all=*/false) : wrong;
}

// What is done stays done: where only looking at it has failed, the act fails, and the tree is the new one.
bool FaultRun::IsDoneAll(EngineClient* client, size_t done) const {
  return Compare("", StateOf(client->Look()), done + 1, false).empty() && PeekAtDisk(done + 1, false).empty();
}

std::string FaultRun::Try(const Fault& fault, size_t nth, bool warm, bool* late) {
  FailNth hook(fault, nth);
  if (mounting()) return TryMounting(&hook);
  Engine fs;
  std::unique_ptr<EngineClient> client;
  if (std::string why = Begin(&fs, &client, warm); !why.empty()) return why;
  int error = 0;
  std::string wrong;
  size_t done = Act(&hook, client.get(), 0, &error, &wrong);
  const bool looked = !fault.onward && !OpChangesDisk(Calls(fault, warm)[nth - 1]);
  *late =
      error != 0 && looked && trail_.states[done] != trail_.states[done + 1] && IsDoneAll(client.get(), done);
  if (*late) {
    ++done;
    error = 0;
  }
  const bool failed = error != 0;
  if (wrong.empty() && fault.answer == EINTR && failed) wrong = "EINTR: the call was not made again";
  if (wrong.empty()) wrong = BrokenRule(root_);
  // With the disk gone the engine can say nothing true about it.
  if (wrong.empty() && !fault.onward)
    wrong = Compare("in the live engine", StateOf(client->Look()), done, failed);
  if (wrong.empty() && !fault.onward) wrong = PeekAtDisk(done, failed);
  // The engine works on: what has failed succeeds now.
  if (wrong.empty() && (failed || *late) && !fault.onward && !case_.once) {
    // What was late is there now; an open can be done twice, what makes a name cannot.
    const size_t again = *late ? Act(nullptr, client.get(), done - 1, &error, &wrong) : done;
    error = 0;
    done = *late && again >= done ? again : Act(nullptr, client.get(), done, &error, &wrong);
    if (error != 0) wrong = std::string("fails for ever: ") + strerror(error);
    if (wrong.empty()) wrong = Compare("done again", StateOf(client->Look()), done, false);
  }
  client.reset();
  fs.reset();
  return wrong.empty() ? RemountAndCompare(done, error != 0, fault.onward) : wrong;
}

// In a quick run one of the faults strikes each fourth call.
bool IsWanted(const Options& options, size_t index, size_t which, size_t nth) {
  if (!options.quick) return true;
  constexpr size_t kOneIn = 4 * 2 * std::size(kFaults);
  return (options.seed + 7 * index + nth) % kOneIn == 4 * which;
}

Tally RunCase(const Case& c, size_t index, const std::string& root, const Options& options) {
  FaultRun run(c, root);
  if (std::string why = run.Learn(); !why.empty()) {
    printf("FAILED  fault %s: %s\n", c.name.c_str(), why.c_str());
    return {1, 1};
  }
  Tally tally;
  int late = 0;
  for (size_t which = 0; which < 2 * std::size(kFaults); ++which) {
    const Fault& fault = kFaults[which / 2];
    const bool warm = which % 2 != 0;
    const std::vector<Op>& calls = run.Calls(fault, warm);
    for (size_t nth = 1; nth <= calls.size(); ++nth) {
      const Op call = calls[nth - 1];
      if (fault.answer == kFaultShort && !MovesData(call)) continue;
      if (!IsWanted(options, index, which, nth)) continue;
      ++tally.points;
      bool done = false;
      const std::string wrong = run.Try(fault, nth, warm, &done);
      late += done;
      if (wrong.empty()) continue;
      ++tally.failed;
      printf("FAILED  fault %s: %s at %s %zu (%s)%s: %s\n", c.name.c_str(), fault.name,
             fault.changes_only ? "change" : "call", nth, OpName(call), warm ? ", warm" : "", wrong.c_str());
    }
  }
  printf("fault   %5lu points, %4zu calls, %2zu of them changes, %3d late: %s\n", tally.points,
         run.Calls(kFaults[0], false).size(), run.Calls(kFaults[std::size(kFaults) - 1], false).size(), late,
         c.name.c_str());
  fflush(stdout);
  return tally;
}

}  // namespace

Tally RunFaultPoints(const std::vector<Case>& script, const Options& options) {
  std::string root = "/dev/shm/plyfs-fault-XXXXXX";
  if (mkdtemp(root.data()) == nullptr) {
    perror(root.c_str());
    exit(1);
  }
  chmod(root.c_str(), 0755);
  umask(0);
  MakeLowers(root);
  Tally all;
  for (size_t i = 0; i < script.size(); ++i) {
    if (script[i].name.find(options.only) == std::string::npos) continue;
    all.Add(RunCase(script[i], i, root, options));
  }
  RemoveAll(root);
  return all;
}

}  // namespace plyfs::crash
