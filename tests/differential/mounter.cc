#include "tests/differential/mounter.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "tests/differential/handovers.h"

namespace plyfs::diff {

Mounter::Mounter(Dirs first, Dirs second, Stacking stacking, Against against, std::string log_path)
    : first_(std::move(first)),
      second_(std::move(second)),
      stacking_(stacking),
      against_(std::move(against)),
      log_path_(std::move(log_path)) {}

// Every default that a module parameter could change is spelled out.  redirect_dir=off is an alias of the
// module's default, which follows redirects and makes none; userxattr says itself that it follows none.
std::string Mounter::KernelOptions() const {
  const std::string options = "index=off,metacopy=off,xino=off,";
  if (stacking_.userxattr) return options + "userxattr";
  return options + (stacking_.redirect ? "redirect_dir=on" : "redirect_dir=follow");
}

std::string Mounter::PlyOptions() const {
  std::string options = stacking_.userxattr  ? "userxattr"
                        : stacking_.redirect ? "redirect_dir=on"
                                             : "redirect_dir=off";
  if (!against_.options.empty()) options += "," + against_.options;
  return options;
}

test::MountPlan Mounter::Plan(const Dirs& dirs, const std::string& options) const {
  return {dirs.lowers, dirs.upper, dirs.work, options, dirs.mount, ""};
}

std::string Mounter::Mount() {
  std::string error;
  kernel_ = test::LiveMount::Kernel(Plan(KernelDirs(), KernelOptions()), &error);
  if (kernel_ == nullptr) return "kernel: " + error;
  if (against_.IsKernel()) {
    // Its options are how a difference is planted in a self-test.
    const std::string planted = against_.options.empty() ? "" : "," + against_.options;
    ply_ = test::LiveMount::Kernel(Plan(PlyDirs(), KernelOptions() + planted), &error);
  } else {
    std::vector<std::string> environment = against_.environment;
    environment.push_back(std::string(kCountHandOvers) + "=1");
    if (!against_.plant.empty()) {
      const std::string salt = std::to_string(against_.plant_salt * 1000 + mounts_);
      environment.push_back("PLYFS_PLANT=" + against_.plant + ":" + salt);
    }
    ++mounts_;
    test::MountPlan plan = Plan(PlyDirs(), PlyOptions());
    plan.plyctl = against_.plyctl;
    ply_ = test::LiveMount::Program(against_.program, plan, log_path_, &error, environment);
  }
  return ply_ == nullptr ? "plyfs: " + error : "";
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
  if (!ply_fine) return "plyfs: " + ply_error;
  return kernel_fine ? "" : "kernel: " + kernel_error;
}

}  // namespace plyfs::diff
