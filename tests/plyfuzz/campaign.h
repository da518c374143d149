// Campaign: the runs of one plyfuzz, to the first difference or the end.
//
// Owned by the program; one thread, root.  Tells on stderr what goes on, and prints a script on stdout.
#ifndef PLYFS_TESTS_PLYFUZZ_CAMPAIGN_H_
#define PLYFS_TESTS_PLYFUZZ_CAMPAIGN_H_

#include <signal.h>

#include <ctime>
#include <map>
#include <optional>
#include <string>

#include "tests/differential/run.h"
#include "tests/plyfuzz/options.h"

namespace plyfs::fuzz {

class Campaign {
 public:
  // Works below `dir`; ends early, in order, once *stop is set.
  Campaign(Options options, std::string dir, const volatile sig_atomic_t* stop);

  // The exit status.
  int Go();

 private:
  diff::RunPlan PlanOf(uint64_t seed) const;
  // False: a difference, and no more runs.
  bool One(uint64_t seed);
  // The same of what several do at once, and of layers changed while they are mounted.
  bool Threads(const diff::RunPlan& plan);
  bool Hands(const diff::RunPlan& plan);
  // False, too, where it is the last to be told.
  bool Tell(const diff::RunPlan& plan, const std::string& what, const std::optional<diff::Difference>& found);
  static void NoScript(const diff::RunPlan& plan);
  diff::RunPlan Shrunk(const diff::RunPlan& plan, const diff::RunResult& result);
  diff::RunPlan WithoutEmptyLowers(diff::RunPlan plan, const std::string& kind);
  void Report(const diff::RunPlan& plan, const diff::RunResult& result);
  bool Fails(const diff::RunPlan& plan, const std::string& kind);
  int Survey() const;

  const Options options_;
  const std::string dir_;
  const volatile sig_atomic_t* const stop_;
  const time_t begin_;
  diff::Masks masks_;
  diff::Table table_;
  std::map<std::string, int> kinds_;
  uint64_t runs_ = 0;
  bool impossible_ = false;  // mounting failed: no finding
};

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_CAMPAIGN_H_
