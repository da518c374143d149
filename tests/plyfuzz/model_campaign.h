// ModelCampaign: the runs of one plyfuzz --against model, to the first difference or the end.
//
// Owned by the program; one thread, root.  Tells on stderr what goes on, and prints a script on stdout.
#ifndef PLYFS_TESTS_PLYFUZZ_MODEL_CAMPAIGN_H_
#define PLYFS_TESTS_PLYFUZZ_MODEL_CAMPAIGN_H_

#include <signal.h>

#include <ctime>
#include <map>
#include <optional>
#include <string>

#include "tests/model/side_by_side.h"
#include "tests/plyfuzz/options.h"

namespace plyfs::fuzz {

class ModelCampaign {
 public:
  // Works below `dir`; ends early, in order, once *stop is set.
  ModelCampaign(Options options, std::string dir, const volatile sig_atomic_t* stop);

  // The exit status.
  int Go();

 private:
  std::string BytesOf(uint64_t seed) const;
  model::Case CaseOf(const std::string& bytes) const;
  // False: a difference, and no more runs.
  bool One(uint64_t seed);
  std::string Shrunk(const std::string& bytes, const std::string& kind);
  void Report(const std::string& bytes, const model::Wrong& found);
  std::optional<model::Wrong> Try(const std::string& bytes, std::vector<model::Taken>* taken = nullptr);

  const Options options_;
  const std::string dir_;
  const volatile sig_atomic_t* const stop_;
  model::Subject subject_;
  model::ScratchStack stack_;
  std::map<std::string, int> kinds_;
  uint64_t runs_ = 0, given_up_ = 0;
  bool gave_up_ = false, impossible_ = false;
};

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_MODEL_CAMPAIGN_H_
