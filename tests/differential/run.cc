#include "tests/differential/run.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/differential/layers_check.h"
#include "tests/differential/sequence.h"
#include "tests/mount/files.h"

namespace plyfs::diff {
namespace {

void OnAlarm(int) {
  static constexpr char kLine[] = "differential: no answer for 120 s, the daemon is ended\n";
  if (write(2, kLine, sizeof kLine - 1) < 0) return;
  if (g_watched_daemon != 0) kill(g_watched_daemon, SIGKILL);
}

Difference Trouble(const std::string& text) {
  return {"harness", text};
}

}  // namespace

RunResult Perform(const RunPlan& plan, Masks* masks, Table* table) {
  struct sigaction action = {};
  action.sa_handler = OnAlarm;
  sigaction(SIGALRM, &action, nullptr);
  const std::string base = plan.dir + "/run";
  Dirs first, second;
  RunResult result;
  test::RemoveTree(base);
  if (mkdir(base.c_str(), 0755) < 0 || mkdir((base + "/first").c_str(), 0755) < 0 ||
      mkdir((base + "/second").c_str(), 0755) < 0 || !MakeDirs(base + "/first", plan.world.lowers, &first) ||
      !MakeDirs(base + "/second", plan.world.lowers, &second)) {
    result.difference = Trouble(base + ": " + strerror(errno));
    return result;
  }
  const World world = MakeWorld(plan.world);
  std::string error = WriteWorld(world, plan.dropped, first);
  if (error.empty()) error = WriteWorld(world, plan.dropped, second);
  if (!error.empty()) {
    result.difference = Trouble(error);
    return result;
  }
  for (auto it = plan.absent.rbegin(); it != plan.absent.rend(); ++it) {
    first.lowers.erase(first.lowers.begin() + *it);
    second.lowers.erase(second.lowers.begin() + *it);
  }
  RunPlan salted = plan;
  salted.against.plant_salt = plan.world.seed * 2 + (plan.redirect ? 1 : 0);
  if (plan.world.hostile && !plan.against.IsKernel()) {
    // Apart from the others, since looking moves atimes.
    Dirs third;
    const std::string apart = base + "/third";
    if (mkdir(apart.c_str(), 0755) < 0 || !MakeDirs(apart, plan.world.lowers, &third))
      error = strerror(errno);
    if (error.empty()) error = WriteWorld(world, plan.dropped, third);
    result.difference =
        error.empty() ? CheckLayers(third, plan.against, base + "/log", masks) : Trouble(error);
  }
  if (!result.difference) result = Sequence(salted, first, second, base + "/log", masks, table).Go();
  const std::string log = test::Exists(base + "/log") ? test::Read(base + "/log") : "";
  table->handovers().Add(log);
  if (result.difference && !log.empty()) result.difference->text += "\nthe program's log:\n" + log;
  if (!plan.keep) test::RemoveTree(base);
  return result;
}

}  // namespace plyfs::diff
