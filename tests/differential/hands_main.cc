// Many runs of hands.h: seeds, shrinking, report.
#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <sstream>

#include "tests/differential/hands.h"
#include "tests/differential/shrink.h"
#include "tests/mount/files.h"

namespace plyfs::diff {
namespace {

template <typename T>
std::string Numbers(const T& numbers) {
  std::string text;
  for (size_t number : numbers) text += " " + std::to_string(number);
  return text;
}

std::string FormatHands(const HandsPlan& plan) {
  std::ostringstream out;
  out << "hands seed=" << plan.run.world.seed << " lowers=" << plan.run.world.lowers
      << " redirect=" << plan.run.redirect << "\n";
  if (plan.some) out << "kept" << Numbers(plan.kept) << "\n";
  if (!plan.run.dropped.empty()) out << "dropped" << Numbers(plan.run.dropped) << "\n";
  return out.str();
}

bool ParseHands(const std::string& text, HandsPlan* plan) {
  std::istringstream in(text);
  bool fine = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "hands") {
      int redirect = 0;
      fine = sscanf(line.c_str(), "hands seed=%" SCNu64 " lowers=%d redirect=%d", &plan->run.world.seed,
                    &plan->run.world.lowers, &redirect) == 3;
      plan->run.redirect = redirect != 0;
    }
    plan->some |= word == "kept";
    for (size_t number = 0; word == "kept" && words >> number;) plan->kept.insert(number);
    for (size_t number = 0; word == "dropped" && words >> number;) plan->run.dropped.insert(number);
  }
  return fine;
}

std::vector<size_t> UpTo(size_t n) {
  std::vector<size_t> all(n);
  for (size_t i = 0; i < n; ++i) all[i] = i;
  return all;
}

class HandsProgram {
 public:
  explicit HandsProgram(HandsArguments args) : args_(std::move(args)), begin_(time(nullptr)) {}

  int Main() {
    if (!args_.replay.empty()) return Replay();
    for (uint64_t i = 0; i < args_.seeds && !Stopped(); ++i) {
      for (const bool redirect : {false, true}) {
        if (args_.redirect != (redirect ? "off" : "on") && !Stopped()) One(args_.first_seed + i, redirect);
      }
    }
    table_.Print(masks_);
    printf("%" PRIu64 " runs by hand, %" PRIu64 " changes, %lld s, seen after %d ms at most: %s\n", runs_,
           changes_, static_cast<long long>(time(nullptr) - begin_), slowest_,
           different_ == 0 ? "no difference" : "DIFFERENT");
    return different_ == 0 ? 0 : 1;
  }

 private:
  bool Stopped() const {
    if (args_.stop() || (different_ != 0 && !args_.all)) return true;
    return args_.seconds != 0 && time(nullptr) - begin_ >= args_.seconds;
  }

  void One(uint64_t seed, bool redirect) {
    HandsPlan plan = args_.plan;
    plan.run.world.seed = seed;
    plan.run.redirect = redirect;
    const HandsResult result = PerformHands(plan, &masks_, &table_);
    ++runs_;
    changes_ += result.changes;
    slowest_ = std::max(slowest_, result.slowest_ms);
    if (!result.difference) return;
    ++different_;
    printf("DIFFERENCE by hand, seed %" PRIu64 " redirect %s: %s\n", seed, redirect ? "on" : "off",
           result.difference->text.c_str());
    fflush(stdout);
    if (!args_.all) Report(plan, result);
  }

  bool FailsAlike(const HandsPlan& plan, const std::string& kind) {
    Masks masks;
    Table table;
    const HandsResult got = PerformHands(plan, &masks, &table);
    return got.difference && got.difference->kind == kind;
  }

  void Report(HandsPlan plan, const HandsResult& result) {
    const std::string kind = result.difference->kind;
    plan.run.keep = false;
    plan.some = true;
    std::vector<size_t> acts = UpTo(result.acts);
    const std::vector<size_t> entries = UpTo(MakeWorld(plan.run.world).entries.size());
    if (args_.shrink) {
      acts = Shrink<size_t>(acts, 60, [&](const std::vector<size_t>& kept) {
        plan.kept = {kept.begin(), kept.end()};
        return !args_.stop() && FailsAlike(plan, kind);
      });
      plan.kept = {acts.begin(), acts.end()};
      auto without = [&](const std::vector<size_t>& keep) {
        std::set<size_t> dropped(entries.begin(), entries.end());
        for (size_t i : keep) dropped.erase(i);
        return dropped;
      };
      const auto keep = Shrink<size_t>(entries, 60, [&](const std::vector<size_t>& some) {
        HandsPlan trial = plan;
        trial.run.dropped = without(some);
        return !args_.stop() && FailsAlike(trial, kind);
      });
      plan.run.dropped = without(keep);
    }
    plan.kept = {acts.begin(), acts.end()};
    Masks masks;
    Table table;
    const HandsResult again = PerformHands(plan, &masks, &table);
    const World world = MakeWorld(plan.run.world);
    std::string text = FormatHands(plan);
    for (size_t i : entries) {
      if (plan.run.dropped.count(i) == 0) text += "# " + diff::Describe(world.entries[i]) + "\n";
    }
    std::istringstream lines(again.text);
    for (std::string line; std::getline(lines, line);) text += "# " + line + "\n";
    text +=
        "# " + (again.difference ? again.difference->text : "not seen again: it depends on timing") + "\n";
    const std::string file = args_.out + "/hands-" + std::to_string(plan.run.world.seed) + ".replay";
    test::Write(file, text);
    printf("%sperform again: plyfs_differential --hands --replay %s\n", text.c_str(), file.c_str());
  }

  int Replay() {
    HandsPlan plan = args_.plan;
    if (!ParseHands(test::Read(args_.replay), &plan)) {
      fprintf(stderr, "plyfs_differential: %s: not a run by hand\n", args_.replay.c_str());
      return 2;
    }
    const HandsResult result = PerformHands(plan, &masks_, &table_);
    printf("%s%s\n", result.text.c_str(),
           result.difference ? result.difference->text.c_str() : "no difference");
    return result.difference ? 1 : 0;
  }

  const HandsArguments args_;
  const time_t begin_;
  Masks masks_;
  Table table_;
  uint64_t runs_ = 0, changes_ = 0;
  int slowest_ = 0, different_ = 0;
};

}  // namespace

int HandsMain(HandsArguments args) {
  return HandsProgram(std::move(args)).Main();
}

}  // namespace plyfs::diff
