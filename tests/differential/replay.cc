#include "tests/differential/replay.h"

#include <cinttypes>
#include <cstdio>
#include <sstream>

namespace plyfs::diff {

std::string FormatReplay(const RunPlan& plan) {
  std::ostringstream out;
  const World world = MakeWorld(plan.world);
  for (size_t i = 0; i < world.entries.size(); ++i) {
    if (plan.dropped.count(i) == 0) out << "# " << Describe(world.entries[i]) << "\n";
  }
  out << "world seed=" << plan.world.seed << " lowers=" << plan.world.lowers << " redirect=" << plan.redirect
      << " hostile=" << plan.world.hostile << " userxattr=" << plan.world.userxattr << "\n";
  if (!plan.dropped.empty()) {
    out << "dropped";
    for (size_t index : plan.dropped) out << " " << index;
    out << "\n";
  }
  if (plan.fixed) {
    for (const Step& step : *plan.fixed) out << FormatStep(step) << "\n";
  }
  return out.str();
}

std::string ParseReplay(const std::string& text, RunPlan* plan) {
  std::istringstream in(text);
  std::string line;
  plan->fixed.emplace();
  plan->dropped.clear();
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    const std::string where = "line " + std::to_string(number) + ": ";
    if (line.compare(0, 6, "world ") == 0) {
      int redirect = 0, hostile = 0, userxattr = 0;
      if (sscanf(line.c_str(), "world seed=%" SCNu64 " lowers=%d redirect=%d hostile=%d userxattr=%d",
                 &plan->world.seed, &plan->world.lowers, &redirect, &hostile, &userxattr) < 3) {
        return where + "not a world";
      }
      plan->redirect = redirect != 0;
      plan->world.hostile |= hostile != 0;
      plan->world.userxattr |= userxattr != 0;
    } else if (line.compare(0, 8, "dropped ") == 0) {
      std::istringstream numbers(line.substr(8));
      for (size_t index = 0; numbers >> index;) plan->dropped.insert(index);
    } else if (auto step = ParseStep(line)) {
      plan->fixed->push_back(*step);
    } else {
      return where + "not a step";
    }
  }
  return "";
}

}  // namespace plyfs::diff
