// MountedCase: a case run on a real mount of plyfs, with the daemon's log of what it changed on disk.
//
// One thread, root.
#ifndef PLYFS_TESTS_CRASH_MOUNTED_CASE_H_
#define PLYFS_TESTS_CRASH_MOUNTED_CASE_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/crash/script.h"
#include "tests/differential/executor.h"
#include "tests/mount/live_mount.h"

namespace plyfs::crash {

// Mount options of a case, for plyfs and for the kernel.
std::string OptionsOf(const Case& c, bool kernel);

// One change that the daemon asked for.
struct Change {
  std::string op;    // as engine/io names it
  bool made = true;  // else the filesystem refused it
};
// From what the daemon wrote to standard error under PLYFS_FAULT=change=log.
std::vector<Change> ReadLog(const std::string& log_path);

class MountedCase {
 public:
  MountedCase(const Case& c, const std::string& root, std::string program);

  // Mounts with PLYFS_FAULT=`fault` and does what comes before the acts.  Empty, or what failed.
  std::string Mount(const std::string& fault);
  std::string Prepare();
  // One act; 0 or its errno.
  int Do(const Act& act);
  // In order.
  std::string Unmount();
  // What a daemon that died has left.
  void TakeAway();

  const std::string& log_path() const { return log_path_; }
  const std::string& mountpoint() const { return plan_.mountpoint; }

 private:
  const Case& case_;
  const test::MountPlan plan_;
  const std::string program_, log_path_;
  std::unique_ptr<test::LiveMount> live_;
  std::unique_ptr<diff::Executor> client_;
};

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_MOUNTED_CASE_H_
