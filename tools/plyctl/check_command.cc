#include "tools/plyctl/check_command.h"

#include <fcntl.h>
#include <linux/capability.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "engine/format/option_text.h"
#include "engine/format/record_faults.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_limits.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/in_use.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/object.h"
#include "engine/layer/origin_store.h"
#include "engine/layer/records.h"
#include "engine/layer/upper_clone.h"
#include "tools/plyctl/check_upper.h"
#include "tools/plyctl/check_work.h"

namespace plyfs::tool {
namespace {

constexpr std::chrono::seconds kLockPatience(2);

// A check that has begun: upper and work open and locked, so that no plyfs mounts them meanwhile.
class CheckRun {
 public:
  CheckRun(const CheckCommand& command, std::string* error_line)
      : command_(command), error_line_(error_line) {}

  bool Open() { return MayRead() && OpenUpper() && OpenWork() && OpenLowers() && LockBoth(); }

  bool Run(CheckReport* report) {
    std::optional<CheckedWork> work;
    if (!command_.workdir.empty()) {
      Result<CheckedWork> checked = CheckWorkDir(work_.get(), report);
      if (!checked.ok()) return Stopped(command_.workdir, checked.error());
      work = *std::move(checked);
    } else {
      report->Remark("without --workdir the work directory was not checked");
    }
    if (!lowers_) report->Remark("without --lower what records lead to was not checked");
    const CheckedStack stack{upper_->root(), lowers_.get(), origins_.get(), records_,
                             work ? &*work : nullptr};
    std::string at;
    Status done = CheckUpper(stack, report, &at);
    if (!done.ok()) return Stopped(command_.upper + "/" + at, done.error());
    if (report->mended() > 0) (void)sys::SyncFs(lock_.get());
    return true;
  }

 private:
  bool Fail(const std::string& path, const std::string& cause, const std::string& remedy) {
    *error_line_ = "check: " + Shown(path) + ": " + cause + "; " + remedy;
    return false;
  }
  bool Stopped(const std::string& path, int error) {
    return Fail(
        path, std::string("could not go on: ") + std::strerror(error),
        error == ESTALE ? "it is being changed; stop that and check again" : "see to that and check again");
  }

  bool MayRead() {
    if (command_.userxattr || (sys::InInitialUserNamespace() && sys::HasCapability(CAP_SYS_ADMIN)))
      return true;
    return Fail(command_.upper, "trusted.overlay.* records show to root only",
                "check as root, or give --userxattr if it is mounted so");
  }

  bool OpenUpper() {
    Result<std::unique_ptr<Layer>> upper = Layer::Open(kUpper, command_.upper);
    if (!upper.ok()) return Fail(command_.upper, std::strerror(upper.error()), "name an upper directory");
    upper_ = *std::move(upper);
    return true;
  }

  // The same conditions as a mount's (M13).
  bool OpenWork() {
    const std::string& path = command_.workdir.empty() ? command_.upper : command_.workdir;
    Result<UniqueFd> work = sys::OpenAt2(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, 0);
    if (!work.ok()) return Fail(path, std::strerror(work.error()), "name the mount's work directory");
    work_ = *std::move(work);
    if (command_.workdir.empty()) return true;
    Result<struct statx> work_st = sys::StatxFd(work_.get()), upper_st = sys::StatxFd(upper_->root());
    if (!work_st.ok() || !upper_st.ok())
      return Fail(path, "cannot be looked at", "name the mount's work directory");
    work_id_ = ObjectIdOf(*work_st);
    const std::string place = CanonicalPathOf(work_.get()).value_or("") + "/",
                      above = upper_->CanonicalPath() + "/";
    if (place.starts_with(above) || above.starts_with(place)) {
      return Fail(path, "overlaps with the upper directory", "name the mount's work directory");
    }
    if (work_st->stx_mnt_id != upper_st->stx_mnt_id) {
      return Fail(path, "not on the same mount as the upper directory", "name the mount's work directory");
    }
    return true;
  }

  bool OpenLowers() {
    if (command_.lowers.empty()) return true;
    StackConfig config;
    config.upperdir = command_.upper;
    config.workdir = command_.workdir;
    config.lowerdirs = command_.lowers;
    config.datadirs = command_.data;
    std::string line;
    Result<std::unique_ptr<LayerStack>> lowers = LayerStack::Open(config, &line);
    if (!lowers.ok()) {
      *error_line_ = "check: " + Shown(line);
      return false;
    }
    lowers_ = *std::move(lowers);
    origins_ = OriginStore::Open(*lowers_, /*zero_uuid=*/false);
    return true;
  }

  bool LockBoth() {
    // Descriptors first: the locks are theirs.
    LookBeneathSubmounts(*upper_, &work_);
    Result<UniqueFd> lock = sys::OpenBeneath(upper_->root(), ".", O_RDONLY | O_DIRECTORY);
    if (!lock.ok())
      return Fail(command_.upper, std::strerror(lock.error()), "check as somebody who may read it");
    lock_ = *std::move(lock);
    if (!LockDirectory(lock_.get(), kLockPatience)) {
      return Fail(command_.upper, "in use by a mount" + LockHolder(upper_->root_id()), "unmount that first");
    }
    if (work_id_.known() && !LockDirectory(work_.get(), kLockPatience)) {
      return Fail(command_.workdir, "in use by a mount" + LockHolder(work_id_), "unmount that first");
    }
    if (std::optional<KernelUse> use = UsedByKernel(upper_->root_id(), work_id_)) {
      return Fail(use->is_work ? command_.workdir : command_.upper,
                  "in use by the kernel overlay mounted on " + Shown(use->mountpoint), "unmount that first");
    }
    return true;
  }

  const CheckCommand& command_;
  std::string* const error_line_;
  const Records records_{command_.userxattr};
  std::unique_ptr<Layer> upper_;
  UniqueFd work_, lock_;
  ObjectId work_id_;
  std::unique_ptr<LayerStack> lowers_;
  std::unique_ptr<OriginStore> origins_;
};

// "--name VALUE" or "--name=VALUE"; nothing: the word is another.  False: its value is missing.
std::optional<bool> TakeValue(const std::vector<std::string>& words, size_t* i, std::string_view name,
                              std::string* value) {
  const std::string& word = words[*i];
  if (word == name) {
    if (*i + 1 == words.size()) return false;
    *value = words[++*i];
    return true;
  }
  if (!word.starts_with(std::string(name) + "=")) return std::nullopt;
  *value = word.substr(name.size() + 1);
  return true;
}

bool TakeLowers(const std::string& value, CheckCommand* command, std::string* error_line) {
  std::string why;
  std::optional<LowerList> list = SplitLowers(value, /*trailing_colon=*/false, &why);
  if (!list) {
    *error_line = "check: --lower " + Shown(value) + ": " + why + "; write it as in lowerdir=";
    return false;
  }
  command->lowers.insert(command->lowers.end(), list->lowers.begin(), list->lowers.end());
  command->data.insert(command->data.end(), list->data.begin(), list->data.end());
  return true;
}

}  // namespace

std::optional<CheckCommand> ParseCheckCommand(const std::vector<std::string>& words,
                                              std::string* error_line) {
  CheckCommand command;
  bool options = true;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    std::string value;
    if (!options || word.empty() || word[0] != '-') {
      if (word.empty() || !command.upper.empty()) {
        *error_line =
            "check: " + Shown(word) + ": one upper directory is checked at a time; see plyctl --help";
        return std::nullopt;
      }
      command.upper = word;
    } else if (word == "--") {
      options = false;
    } else if (word == "--help" || word == "-h") {
      command.help = true;
    } else if (word == "--repair") {
      command.repair = true;
    } else if (word == "--userxattr") {
      command.userxattr = true;
    } else if (word == "--verbose" || word == "-v") {
      command.verbose = true;
    } else if (TakeValue(words, &i, "--workdir", &value).value_or(false) && !value.empty()) {
      command.workdir = value;
    } else if (TakeValue(words, &i, "--lower", &value).value_or(false)) {
      if (!TakeLowers(value, &command, error_line)) return std::nullopt;
    } else {
      *error_line = "check: " + Shown(word) + ": not understood, or its value is missing; see plyctl --help";
      return std::nullopt;
    }
  }
  if (command.upper.empty() && !command.help) {
    *error_line =
        "check: no upper directory is named; write plyctl check UPPER [--lower DIR]... [--workdir DIR]";
    return std::nullopt;
  }
  return command;
}

bool Check(const CheckCommand& command, const CheckReport::Print& print, std::string* error_line) {
  CheckRun run(command, error_line);
  if (!run.Open()) return false;
  CheckReport report(command.repair, command.verbose, print);
  const bool whole = run.Run(&report);
  if (whole) report.Finish();
  return whole && report.left() == 0;
}

int RunCheckCommand(const CheckCommand& command) {
  (void)sys::RaiseDescriptorLimit();
  bool printed = true;
  std::string error_line;
  const bool right = Check(
      command, [&](const std::string& line) { printed &= std::fputs((line + "\n").c_str(), stdout) >= 0; },
      &error_line);
  printed &= std::fflush(stdout) == 0;
  if (!printed && error_line.empty())
    error_line = "check: cannot write what was found; see to standard output";
  if (!error_line.empty()) std::fprintf(stderr, "plyctl: %s\n", error_line.c_str());
  return right && printed ? 0 : 1;
}

}  // namespace plyfs::tool
