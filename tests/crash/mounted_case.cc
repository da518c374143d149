#include "tests/crash/mounted_case.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/crash/world.h"

namespace plyfs::crash {
namespace {

int Chattr(const std::string& path, int flags) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? errno : 0;
  close(fd);
  return error;
}

}  // namespace

std::string OptionsOf(const Case& c, bool kernel) {
  std::string options = c.redirect ? "redirect_dir=on" : kernel ? "redirect_dir=follow" : "redirect_dir=off";
  if (kernel) return options + ",index=off,metacopy=off,xino=off";
  options += ",lower=frozen,io_uring=off";
  return c.sync ? options + ",fsync=strict" : options;
}

std::vector<Change> ReadLog(const std::string& log_path) {
  constexpr std::string_view kCall = "plyfs: call ";
  std::vector<Change> changes;
  std::ifstream in(log_path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kCall)) continue;
    line.erase(0, kCall.size());
    const size_t space = line.find(' ');
    changes.push_back({line.substr(0, space), line.substr(space + 1) == "made"});
  }
  return changes;
}

MountedCase::MountedCase(const Case& c, const std::string& root, std::string program)
    : case_(c),
      plan_(PlanOf(root, OptionsOf(c, /*kernel=*/false))),
      program_(std::move(program)),
      log_path_(root + "/log") {}

std::string MountedCase::Mount(const std::string& fault) {
  unlink(log_path_.c_str());
  std::string error;
  live_ = test::LiveMount::Program(program_, plan_, log_path_, &error, {"PLYFS_FAULT=" + fault});
  if (live_ == nullptr) return error;
  client_ = std::make_unique<diff::Executor>(plan_.mountpoint);
  return "";
}

std::string MountedCase::Prepare() {
  for (const Act& act : case_.before) {
    if (int error = Do(act); error != 0) return ActText(act) + ": " + strerror(error);
  }
  return "";
}

int MountedCase::Do(const Act& act) {
  if (act.chattr) return Chattr(plan_.mountpoint + "/" + act.step.path, static_cast<int>(act.step.a));
  return client_->Run(act.step).error;
}

std::string MountedCase::Unmount() {
  client_.reset();
  std::string error;
  if (live_ == nullptr || live_->Unmount(&error)) error.clear();
  live_.reset();
  return error;
}

void MountedCase::TakeAway() {
  client_.reset();
  live_.reset();
}

}  // namespace plyfs::crash
