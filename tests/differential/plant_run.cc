#include "tests/differential/plant_run.h"

#include <cstdio>

#include "engine/base/planted.h"

namespace plyfs::diff {
namespace {

std::string OneLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

RunPlan PlantRun::PlanOf(uint64_t seed, bool redirect) const {
  RunPlan plan = plan_;
  plan.world.seed = seed;
  plan.redirect = redirect;
  return plan;
}

bool PlantRun::AgreesWithout(uint64_t seed, bool redirect) {
  auto [known, fresh] = agrees_.try_emplace({seed, redirect}, false);
  if (fresh) {
    Masks masks;
    Table table;
    known->second = !Perform(PlanOf(seed, redirect), &masks, &table).difference;
  }
  return known->second;
}

bool PlantRun::Find(std::string_view name) {
  const std::string plant(name);
  int runs = 0;
  for (uint64_t i = 0; i < range_.seeds; ++i) {
    for (const bool redirect : range_.redirects) {
      if (*stop_ != 0) return false;
      const uint64_t seed = range_.first_seed + i;
      RunPlan plan = PlanOf(seed, redirect);
      plan.against.plant = plant;
      Masks masks;
      Table table;
      const RunResult result = Perform(plan, &masks, &table);
      ++runs;
      if (!result.difference) continue;
      const std::string& kind = result.difference->kind;
      const bool counts = kind != "harness" && kind != "mount" && AgreesWithout(seed, redirect);
      printf("plant %-17s %s in run %d (seed %llu, redirect %s), %s\n", plant.c_str(),
             counts ? "found" : "PROVES NOTHING", runs, static_cast<unsigned long long>(seed),
             redirect ? "on" : "off", OneLine(result.difference->text).c_str());
      fflush(stdout);
      return counts;
    }
  }
  printf("plant %-17s NOT FOUND in %d runs\n", plant.c_str(), runs);
  fflush(stdout);
  return false;
}

bool PlantRun::Run(const std::string& name) {
  int found = 0, missed = 0;
  for (int i = 0; i < static_cast<int>(Plant::kCount); ++i) {
    const std::string_view plant = FactsOf(static_cast<Plant>(i)).name;
    if (name != "all" && name != plant) continue;
    ++(Find(plant) ? found : missed);
  }
  if (found + missed == 0) {
    fprintf(stderr, "plyfs_differential: --plant %s: no such fault; --list-plants names them\n",
            name.c_str());
    return false;
  }
  // The form that tools/dev_ctest counts.
  printf("passed %d, failed %d, skipped 0\n", found, missed);
  return missed == 0;
}

void PlantRun::List() {
  for (int i = 0; i < static_cast<int>(Plant::kCount); ++i) {
    const PlantFacts& facts = FactsOf(static_cast<Plant>(i));
    printf("%-17.*s %s: %.*s\n", static_cast<int>(facts.name.size()), facts.name.data(),
           facts.corner ? "always" : "1 in 24", static_cast<int>(facts.what.size()), facts.what.data());
  }
}

}  // namespace plyfs::diff
