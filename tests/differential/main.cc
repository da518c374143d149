// plyfs_differential: plyfs against kernel overlayfs, by random sequences of operations over equal layers.
// Exit 0: all runs agree; 1: a difference (shrunk and printed); 2: usage; 77: cannot be run here.
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>

#include "tests/differential/errnos.h"
#include "tests/differential/hands.h"
#include "tests/differential/plant_run.h"
#include "tests/differential/private_fs.h"
#include "tests/differential/replay.h"
#include "tests/differential/run.h"
#include "tests/differential/shrink.h"
#include "tests/mount/files.h"

namespace plyfs::diff {
namespace {

struct Arguments {
  RunPlan plan;
  uint64_t first_seed = 1, seeds = 20;
  std::string redirect = "both", against, dir, fs = "ext4", replay, out = "/tmp", fault, plant, errnos;
  time_t seconds = 0;
  uint64_t least = 0, errno_least = 0;
  bool indices = false;
  bool all = false, shrink = true, list_plants = false, hands = false;
  int patience_ms = 1000;
};

constexpr char kHelp[] =
    "usage: plyfs_differential [options]\n"
    "  --seeds N        runs a redirect mode (20)\n"
    "  --seed S         the first seed (1)\n"
    "  --steps N        operations a run (400)\n"
    "  --layers N       lower layers (5)\n"
    "  --redirect MODE  on, off or both (both)\n"
    "  --against PROG   the program under test, or 'kernel' (PLYFS_BIN, else the one built here)\n"
    "  --extra OPTS     more mount options for it\n"
    "  --indices        make the layers' indices with the plyctl beside it, and mount with them\n"
    "  --dir DIR        work there instead of on a private filesystem\n"
    "  --fs TYPE        of the private filesystem: ext4, xfs, btrfs, tmpfs (ext4)\n"
    "  --time SECONDS   begin no run after that\n"
    "  --least N        fail unless each operation succeeded N times over all runs\n"
    "  --all            go on after a difference, shrink nothing, count kinds at the end\n"
    "  --no-shrink      print the failing sequence as it is\n"
    "  --out DIR        where replay files go (/tmp)\n"
    "  --replay FILE    perform that sequence only\n"
    "  --expect-fault F run the program with PLYFS_FAULT=F; succeed when a difference is found\n"
    "  --plant NAME     wake a fault of engine/base/planted.h, or all one after the other; succeed when "
    "each\n"
    "                   is found within the seeds\n"
    "  --list-plants    name them\n"
    "  --errnos FILE    fail where an operation ends with an errno that FILE does not list\n"
    "  --errno-least N  and where one that it lists came less than N times\n"
    "  --hostile        worlds with records that no mount writes, first mounted read-only in many ways\n"
    "  --userxattr      mounts with userxattr, over layers with such records; it follows no redirects\n"
    "  --hands          layers are changed by hand instead, and compared with fresh mounts\n"
    "  --patience MS    how soon such a change must be seen (1000)\n"
    "  --keep           leave the layers of the last run\n";

// Set by the first ^C: the run at hand ends in order, leaving no mount behind.
volatile sig_atomic_t g_stop = 0;

void StopAfterThisRun() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_stop = 1; };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  // A reader of our output that went away must not end us amid mounts.
  signal(SIGPIPE, SIG_IGN);
}

std::string DefaultProgram() {
  const char* program = getenv("PLYFS_BIN");
  return program != nullptr && *program != '\0' ? program : PLYFS_DEFAULT_BIN;
}

// False: not understood, or help was asked for.
bool Parse(int argc, char** argv, Arguments* args) {
  enum {
    kSeeds,
    kSeed,
    kSteps,
    kLayers,
    kRedirect,
    kAgainst,
    kExtra,
    kIndices,
    kDir,
    kFs,
    kTime,
    kLeast,
    kAll,
    kNoShrink,
    kOut,
    kReplay,
    kFault,
    kPlant,
    kListPlants,
    kErrnos,
    kErrnoLeast,
    kKeep,
    kHostile,
    kUserxattr,
    kHands,
    kPatience,
    kUsage
  };
  const option options[] = {{"seeds", 1, nullptr, kSeeds},
                            {"seed", 1, nullptr, kSeed},
                            {"steps", 1, nullptr, kSteps},
                            {"layers", 1, nullptr, kLayers},
                            {"redirect", 1, nullptr, kRedirect},
                            {"against", 1, nullptr, kAgainst},
                            {"extra", 1, nullptr, kExtra},
                            {"indices", 0, nullptr, kIndices},
                            {"dir", 1, nullptr, kDir},
                            {"fs", 1, nullptr, kFs},
                            {"time", 1, nullptr, kTime},
                            {"least", 1, nullptr, kLeast},
                            {"all", 0, nullptr, kAll},
                            {"no-shrink", 0, nullptr, kNoShrink},
                            {"out", 1, nullptr, kOut},
                            {"replay", 1, nullptr, kReplay},
                            {"expect-fault", 1, nullptr, kFault},
                            {"plant", 1, nullptr, kPlant},
                            {"list-plants", 0, nullptr, kListPlants},
                            {"errnos", 1, nullptr, kErrnos},
                            {"errno-least", 1, nullptr, kErrnoLeast},
                            {"keep", 0, nullptr, kKeep},
                            {"hostile", 0, nullptr, kHostile},
                            {"userxattr", 0, nullptr, kUserxattr},
                            {"hands", 0, nullptr, kHands},
                            {"patience", 1, nullptr, kPatience},
                            {"help", 0, nullptr, kUsage},
                            {nullptr, 0, nullptr, 0}};
  args->against = DefaultProgram();
  for (int key = 0; (key = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    switch (key) {
      case kSeeds:
        args->seeds = strtoull(optarg, nullptr, 10);
        break;
      case kSeed:
        args->first_seed = strtoull(optarg, nullptr, 10);
        break;
      case kSteps:
        args->plan.steps = strtoull(optarg, nullptr, 10);
        break;
      case kLayers:
        args->plan.world.lowers = atoi(optarg);
        break;
      case kRedirect:
        args->redirect = optarg;
        break;
      case kAgainst:
        args->against = optarg;
        break;
      case kExtra:
        args->plan.against.options = optarg;
        break;
      case kIndices:
        args->indices = true;
        break;
      case kDir:
        args->dir = optarg;
        break;
      case kFs:
        args->fs = optarg;
        break;
      case kTime:
        args->seconds = atol(optarg);
        break;
      case kLeast:
        args->least = strtoull(optarg, nullptr, 10);
        break;
      case kAll:
        args->all = true;
        break;
      case kNoShrink:
        args->shrink = false;
        break;
      case kOut:
        args->out = optarg;
        break;
      case kReplay:
        args->replay = optarg;
        break;
      case kFault:
        args->fault = optarg;
        break;
      case kPlant:
        args->plant = optarg;
        break;
      case kListPlants:
        args->list_plants = true;
        break;
      case kErrnos:
        args->errnos = optarg;
        break;
      case kErrnoLeast:
        args->errno_least = strtoull(optarg, nullptr, 10);
        break;
      case kKeep:
        args->plan.keep = true;
        break;
      case kHostile:
        args->plan.world.hostile = true;
        break;
      case kUserxattr:
        args->plan.world.userxattr = true;
        args->redirect = "off";
        break;
      case kHands:
        args->hands = true;
        break;
      case kPatience:
        args->patience_ms = atoi(optarg);
        break;
      default:
        return false;
    }
  }
  const bool mode_fine = args->redirect == "on" || args->redirect == "off" || args->redirect == "both";
  if (optind != argc || !mode_fine || args->plan.world.lowers < 1) return false;
  if (args->against != "kernel") args->plan.against.program = args->against;
  if (args->indices) {
    args->plan.against.plyctl = args->against.substr(0, args->against.rfind('/') + 1) + "plyctl";
  }
  if (!args->fault.empty()) args->plan.against.environment.push_back("PLYFS_FAULT=" + args->fault);
  return true;
}

// Makes the sequence short, then the layers small, keeping to the kind of difference first found.
RunPlan ShrinkRun(const RunPlan& plan, const RunResult& result) {
  Masks masks;
  Table table;
  RunPlan small = plan;
  small.keep = false;
  const std::string kind = result.difference->kind;
  small.fixed = Shrink<Step>(result.steps, 400, [&](const std::vector<Step>& steps) {
    if (g_stop != 0) return false;
    RunPlan trial = small;
    trial.fixed = steps;
    const RunResult got = Perform(trial, &masks, &table);
    return got.difference && got.difference->kind == kind;
  });
  const size_t entries = MakeWorld(plan.world).entries.size();
  std::vector<size_t> kept;
  for (size_t i = 0; i < entries; ++i) kept.push_back(i);
  auto without = [&](const std::vector<size_t>& keep) {
    std::set<size_t> dropped;
    for (size_t i = 0; i < entries; ++i) dropped.insert(i);
    for (size_t i : keep) dropped.erase(i);
    return dropped;
  };
  kept = Shrink<size_t>(kept, 300, [&](const std::vector<size_t>& keep) {
    if (g_stop != 0) return false;
    RunPlan trial = small;
    trial.dropped = without(keep);
    const RunResult got = Perform(trial, &masks, &table);
    return got.difference && got.difference->kind == kind;
  });
  small.dropped = without(kept);
  return small;
}

void Report(const Arguments& args, const RunPlan& plan, const RunResult& result) {
  printf("DIFFERENCE seed %llu redirect %s: %s\n", static_cast<unsigned long long>(plan.world.seed),
         plan.redirect ? "on" : "off", result.difference->text.c_str());
  fflush(stdout);
  RunPlan small = plan;
  small.fixed = result.steps;
  if (args.shrink && result.difference->kind != "harness") {
    small = ShrinkRun(plan, result);
    Masks masks;
    Table table;
    const RunResult again = Perform(small, &masks, &table);
    if (again.difference) printf("shrunk: %s\n", again.difference->text.c_str());
  }
  const std::string text = FormatReplay(small);
  const std::string file = args.out + "/differential-" + std::to_string(plan.world.seed) + "-redirect-" +
                           (plan.redirect ? "on" : "off") + ".replay";
  test::Write(file, text);
  printf("%s%zu steps; perform again: plyfs_differential --replay %s\n", text.c_str(), small.fixed->size(),
         file.c_str());
}

class Program {
 public:
  explicit Program(Arguments args) : args_(std::move(args)), begin_(time(nullptr)) {}

  int Main() {
    if (!args_.replay.empty()) return Replay();
    if (!args_.plant.empty()) return Plants();
    if (!args_.errnos.empty()) {
      const std::string wrong = errnos_.Parse(test::Read(args_.errnos));
      if (!wrong.empty()) return Complain(args_.errnos, wrong);
    }
    for (uint64_t i = 0; i < args_.seeds && !stopped_ && g_stop == 0; ++i) {
      for (const bool redirect : {false, true}) {
        if (args_.redirect == (redirect ? "off" : "on") || stopped_ || g_stop != 0) continue;
        One(args_.first_seed + i, redirect);
      }
    }
    return Summary();
  }

 private:
  void One(uint64_t seed, bool redirect) {
    RunPlan plan = args_.plan;
    plan.world.seed = seed;
    plan.redirect = redirect;
    const RunResult result = Perform(plan, &masks_, &table_);
    ++runs_;
    steps_ += result.steps.size();
    if (result.difference) {
      ++kinds_[result.difference->kind];
      if (args_.all) {
        printf("seed %llu redirect %s: %s\n", static_cast<unsigned long long>(seed), redirect ? "on" : "off",
               result.difference->text.c_str());
      } else if (args_.fault.empty()) {
        Report(args_, plan, result);
      }
      stopped_ = !args_.all;
    }
    if (args_.seconds != 0 && time(nullptr) - begin_ >= args_.seconds) stopped_ = true;
  }

  static int Complain(const std::string& file, const std::string& what) {
    fprintf(stderr, "plyfs_differential: %s: %s\n", file.c_str(), what.c_str());
    return 2;
  }

  int Plants() {
    PlantRun::Range range{args_.first_seed, args_.seeds, {}};
    for (const bool redirect : {false, true}) {
      if (args_.redirect != (redirect ? "off" : "on")) range.redirects.push_back(redirect);
    }
    return PlantRun(args_.plan, range, &g_stop).Run(args_.plant) ? 0 : 1;
  }

  int Replay() {
    RunPlan plan = args_.plan;
    const std::string error = ParseReplay(test::Read(args_.replay), &plan);
    if (!error.empty()) return Complain(args_.replay, error);
    const RunResult result = Perform(plan, &masks_, &table_);
    printf("%s\n", result.difference ? result.difference->text.c_str() : "no difference");
    return result.difference ? 1 : 0;
  }

  int Summary() {
    table_.Print(masks_);
    for (const auto& [kind, n] : kinds_) printf("difference %-40s %9d runs\n", kind.c_str(), n);
    std::string missing = args_.least == 0 ? "" : table_.Missing(args_.least);
    if (!args_.errnos.empty()) missing += errnos_.Check(table_, args_.errno_least);
    if (table_.handovers().handed_over() != 0) missing += "requests changed threads\n";
    printf("%s%llu runs, %llu steps, %lld s: %s\n", missing.c_str(), static_cast<unsigned long long>(runs_),
           static_cast<unsigned long long>(steps_), static_cast<long long>(time(nullptr) - begin_),
           kinds_.empty() ? "no difference" : "DIFFERENT");
    if (!args_.fault.empty()) {
      printf("planted fault %s: %s\n", args_.fault.c_str(), kinds_.empty() ? "NOT FOUND" : "found");
      return kinds_.empty() ? 1 : 0;
    }
    return kinds_.empty() && missing.empty() ? 0 : 1;
  }

  const Arguments args_;
  const time_t begin_;
  Masks masks_;
  Table table_;
  ErrnoFile errnos_;
  std::map<std::string, int> kinds_;
  uint64_t runs_ = 0, steps_ = 0;
  bool stopped_ = false;
};

int Hands(const Arguments& args) {
  HandsArguments hands;
  hands.plan.run = args.plan;
  hands.plan.patience_ms = args.patience_ms;
  hands.redirect = args.redirect;
  hands.first_seed = args.first_seed;
  hands.seeds = args.seeds;
  hands.seconds = args.seconds;
  hands.shrink = args.shrink;
  hands.all = args.all;
  hands.out = args.out;
  hands.replay = args.replay;
  hands.stop = [] { return g_stop != 0; };
  return HandsMain(std::move(hands));
}

int Main(int argc, char** argv) {
  Arguments args;
  if (!Parse(argc, argv, &args)) {
    fputs(kHelp, stderr);
    return 2;
  }
  if (args.list_plants) return PlantRun::List(), 0;
  if (geteuid() != 0 || (!args.plan.against.IsKernel() && access("/dev/fuse", R_OK | W_OK) != 0)) {
    fprintf(stderr, "plyfs_differential: needs root and /dev/fuse\n");
    return 77;
  }
  if (!HaveOwnMounts()) {
    fprintf(stderr, "plyfs_differential: no mounts of its own: %s\n", strerror(errno));
    return 1;
  }
  StopAfterThisRun();
  // Removed objects are held by descriptors (Pins).
  const rlimit files = {65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  std::unique_ptr<PrivateFs> fs;
  if (args.dir.empty()) {
    std::string error;
    fs = PrivateFs::Make(args.fs, &error);
    if (fs == nullptr) {
      fprintf(stderr, "plyfs_differential: %s\n", error.c_str());
      return 77;
    }
    args.dir = fs->path();
  }
  args.plan.dir = args.dir;
  if (args.plan.keep) printf("layers are left in %s/run\n", args.dir.c_str());
  if (args.hands) return Hands(args);
  return Program(std::move(args)).Main();
}

}  // namespace
}  // namespace plyfs::diff

int main(int argc, char** argv) {
  return plyfs::diff::Main(argc, argv);
}
