#include "tests/plyfuzz/model_campaign.h"

#include <sys/stat.h>

#include <cstdio>
#include <vector>

#include "tests/differential/shrink.h"
#include "tests/mount/files.h"
#include "tests/plyfuzz/model_script.h"
#include "tests/plyfuzz/mount_options.h"
#include "tests/plyfuzz/script_check.h"

namespace plyfs::fuzz {
namespace {

using model::Case;
using model::Redirects;
using model::Taken;
using model::Wrong;

constexpr size_t kTries = 600;

std::string OneLine(const std::string& text) {
  std::string line;
  for (char c : text) line += c == '\n' ? ' ' : c;
  return line;
}

std::string MakeDirectory(const std::string& dir) {
  test::RemoveTree(dir);
  mkdir(dir.c_str(), 0755);
  return dir;
}

// What the model must know of options that were given.
void Adopt(const std::string& word, model::Options* options) {
  const std::string value = word.substr(std::min(word.find('=') + 1, word.size()));
  if (word == "userxattr") *options = {Redirects::kNoFollow, true, options->opaque_mkdir};
  if (word.starts_with("xino=")) options->opaque_mkdir |= value != "off";
  if (!word.starts_with("redirect_dir=")) return;
  options->redirect_dir = value == "on"         ? Redirects::kOn
                          : value == "nofollow" ? Redirects::kNoFollow
                                                : Redirects::kFollow;
  options->opaque_mkdir |= value == "on";
}

}  // namespace

ModelCampaign::ModelCampaign(Options options, std::string dir, const volatile sig_atomic_t* stop)
    : options_(std::move(options)),
      dir_(std::move(dir)),
      stop_(stop),
      stack_(MakeDirectory(dir_ + "/model")) {
  if (options_.subject != "kernel") {
    subject_.program = options_.subject;
    subject_.foreign = options_.subject.substr(options_.subject.rfind('/') + 1) != "plyfs";
  }
  subject_.options = options_.mount_options;
  subject_.compare_upper = options_.cross;
  subject_.log_path = dir_ + "/model.log";
}

std::string ModelCampaign::BytesOf(uint64_t seed) const {
  std::string bytes = model::RandomCase(static_cast<unsigned>(seed), options_.steps);
  if (options_.layers != 0) bytes[3] = static_cast<char>(options_.layers - 1);
  return bytes;
}

Case ModelCampaign::CaseOf(const std::string& bytes) const {
  // Somebody else's program gets no options but those that were given.
  const std::string& given = options_.mount_options;
  if (!subject_.foreign && given.empty()) return CaseFor(bytes, subject_);
  model::Options options;
  for (size_t at = 0; at < given.size();) {
    const size_t end = std::min(given.find(',', at), given.size());
    Adopt(given.substr(at, end - at), &options);
    at = end + 1;
  }
  std::string fitting = bytes;
  fitting[1] = options.userxattr ? 0 : 1;  // which records the layers have
  Case c = CaseFor(fitting, subject_);
  c.options = options;
  return c;
}

std::optional<Wrong> ModelCampaign::Try(const std::string& bytes, std::vector<Taken>* taken) {
  model::SideBySide sides(&stack_, subject_, options_.ignored);
  std::optional<Wrong> wrong = sides.Go(CaseOf(bytes));
  if (wrong && options_.ignored.contains(wrong->kind)) wrong.reset();
  gave_up_ = sides.given_up();
  if (taken) *taken = sides.taken();
  return wrong;
}

// Record by record, keeping to the kind of difference first found.
std::string ModelCampaign::Shrunk(const std::string& bytes, const std::string& kind) {
  std::vector<std::string> records;
  for (size_t at = model::kRecord; at < bytes.size(); at += model::kRecord)
    records.push_back(bytes.substr(at, model::kRecord));
  const auto joined = [head = bytes.substr(0, model::kRecord)](const std::vector<std::string>& few) {
    std::string all = head;
    for (const std::string& record : few) all += record;
    return all;
  };
  return joined(diff::Shrink<std::string>(records, kTries, [&](const std::vector<std::string>& few) {
    if (*stop_ != 0) return false;
    const std::optional<Wrong> wrong = Try(joined(few));
    return wrong && wrong->kind == kind;
  }));
}

void ModelCampaign::Report(const std::string& bytes, const Wrong& first) {
  std::string few = bytes;
  std::vector<Taken> taken;
  if (options_.shrink) {
    fprintf(stderr, "shrinking %zu steps\n", CaseOf(bytes).steps.size());
    few = Shrunk(bytes, first.kind);
  }
  const std::optional<Wrong> again = Try(few, &taken);
  const Wrong& found = again ? *again : first;
  const Case c = CaseOf(few);
  fprintf(stderr, "shrunk to %zu steps: %s\n", c.steps.size(), OneLine(found.text).c_str());
  const std::string script = FormatModelScript(c, subject_, taken, found);
  fputs(script.c_str(), stdout);
  fflush(stdout);
  if (*stop_ == 0) CheckScript(script, {"model", options_.subject, dir_}, stop_);
}

bool ModelCampaign::One(uint64_t seed) {
  const std::string bytes = BytesOf(seed);
  diff::Dice dice(seed);
  if (subject_.IsPlyfs() && options_.mount_options.empty())
    subject_.options = DrawMountOptions(Drawn::kNeutral, &dice);
  const std::optional<Wrong> wrong = Try(bytes);
  ++runs_;
  given_up_ += gave_up_;
  const Case c = CaseOf(bytes);
  fprintf(stderr, "seed %llu, %s: %zu steps: %s\n", static_cast<unsigned long long>(seed),
          OptionsFor(c.options, subject_).c_str(), c.steps.size(),
          wrong      ? OneLine(wrong->text).c_str()
          : gave_up_ ? "given up, the mount refuses what the model allows"
                     : "no difference");
  if (!wrong) return true;
  impossible_ = wrong->kind == "harness" || wrong->kind == "mount";
  if (impossible_) return false;
  ++kinds_[wrong->kind];
  if (options_.survey) return true;
  fprintf(stderr, "kind: %s\n", wrong->kind.c_str());
  Report(bytes, *wrong);
  return false;
}

int ModelCampaign::Go() {
  const time_t begin = time(nullptr);
  for (uint64_t i = 0; i < options_.seeds && *stop_ == 0; ++i) {
    if (!One(options_.seed + i)) break;
    if (options_.seconds != 0 && static_cast<uint64_t>(time(nullptr) - begin) >= options_.seconds) break;
  }
  if (impossible_) return 1;
  fprintf(stderr, "%llu runs, %llu of them given up: %s\n", static_cast<unsigned long long>(runs_),
          static_cast<unsigned long long>(given_up_), kinds_.empty() ? "no difference" : "different");
  for (const auto& [kind, n] : kinds_) fprintf(stderr, "%6d runs  %s\n", n, kind.c_str());
  return kinds_.empty() ? 0 : 2;
}

}  // namespace plyfs::fuzz
