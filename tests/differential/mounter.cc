#include "tests/differential/mounter.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "tests/differential/handovers.h"

namespace plyfs::diff {

Mounter::Mounter(Dirs first, Dirs second, Stacking stacking, Against reference, Against against,
                 std::string log_path)
    : first_(std::move(first)),
      second_(std::move(second)),
      stacking_(std::move(stacking)),
      reference_(std::move(reference)),
      against_(std::move(against)),
      log_path_(std::move(log_path)) {}

std::string NameOf(const Against& side) {
  return side.IsKernel() ? "kernel" : side.program.substr(side.program.rfind('/') + 1);
}

std::string KernelMountOptions(bool redirect, bool userxattr, const std::string& more) {
  const auto given = [text = "," + more](const std::string& name) {
    return text.find("," + name + "=") != std::string::npos;
  };
  std::string options;
  for (const std::string& name : {"index", "metacopy", "xino"}) {
    if (!given(name)) options += std::string(name) + "=off,";
  }
  if (userxattr) {
    options += "userxattr";
  } else if (!given("redirect_dir")) {
    options += redirect ? "redirect_dir=on" : "redirect_dir=follow";
  }
  if (!more.empty() && options.back() != ',') options += ",";
  return options + more;
}

std::string ProgramMountOptions(const Against& program, bool redirect, bool userxattr,
                                const std::string& more) {
  std::string options;
  const auto add = [&options](const std::string& added) {
    if (!options.empty() && !added.empty()) options += ",";
    options += added;
  };
  if (userxattr) {
    add("userxattr");
  } else if (!program.foreign) {
    add(redirect ? "redirect_dir=on" : "redirect_dir=off");
  }
  add(more);
  add(program.options);
  return options;
}

std::string Mounter::KernelOptions() const {
  return KernelMountOptions(stacking_.redirect, stacking_.userxattr, stacking_.options);
}

std::string Mounter::OptionsOf(const Against& program) const {
  return ProgramMountOptions(program, stacking_.redirect, stacking_.userxattr, stacking_.options);
}

test::MountPlan Mounter::Plan(const Dirs& dirs, const std::string& options) const {
  return {dirs.lowers, dirs.upper, dirs.work, options, dirs.mount, ""};
}

std::unique_ptr<test::LiveMount> Mounter::MountProgram(const Against& program, const Dirs& dirs,
                                                       const std::string& log_path, std::string* error) {
  std::vector<std::string> environment = program.environment;
  environment.push_back(std::string(kCountHandOvers) + "=1");
  if (!program.plant.empty()) {
    const std::string salt = std::to_string(program.plant_salt * 1000 + mounts_);
    environment.push_back("PLYFS_PLANT=" + program.plant + ":" + salt);
  }
  test::MountPlan plan = Plan(dirs, OptionsOf(program));
  plan.plyctl = program.plyctl;
  plan.plain_call = program.foreign;
  return test::LiveMount::Program(program.program, plan, log_path, error, environment);
}

std::string Mounter::Mount() {
  std::string error;
  kernel_ = reference_.IsKernel() ? test::LiveMount::Kernel(Plan(KernelDirs(), KernelOptions()), &error)
                                  : MountProgram(reference_, KernelDirs(), log_path_ + ".reference", &error);
  if (kernel_ == nullptr) return NameOf(reference_) + ": " + error;
  if (against_.IsKernel()) {
    // Its options are how a difference is planted in a self-test.
    const std::string planted = against_.options.empty() ? "" : "," + against_.options;
    ply_ = test::LiveMount::Kernel(Plan(PlyDirs(), KernelOptions() + planted), &error);
  } else {
    ply_ = MountProgram(against_, PlyDirs(), log_path_, &error);
    ++mounts_;
  }
  return ply_ == nullptr ? NameOf(against_) + ": " + error : "";
}

std::pair<int, int> Mounter::Remount(bool read_only) const {
  const auto remount = [read_only](const std::string& mountpoint) {
    const unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
    int error = EBUSY;
    // An unlinked file that was just closed holds it up until its release has been answered.
    for (int tries = 0; error == EBUSY && tries < 400; ++tries) {
      if (tries > 0) usleep(5000);
      error = mount(nullptr, mountpoint.c_str(), nullptr, flags, nullptr) < 0 ? errno : 0;
    }
    return error;
  };
  return {remount(KernelDirs().mount), remount(PlyDirs().mount)};
}

std::string Mounter::Unmount() {
  std::string kernel_error, ply_error;
  const bool kernel_fine = kernel_ == nullptr || kernel_->Unmount(&kernel_error);
  const bool ply_fine = ply_ == nullptr || ply_->Unmount(&ply_error);
  kernel_.reset();
  ply_.reset();
  if (!ply_fine) return NameOf(against_) + ": " + ply_error;
  return kernel_fine ? "" : NameOf(reference_) + ": " + kernel_error;
}

}  // namespace plyfs::diff
