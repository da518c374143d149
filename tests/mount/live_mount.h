// LiveMount: one union mounted for a test, by kernel overlayfs or by a FUSE program, and its end.
//
// Owned by the test that made it; used by one thread.  The program runs in the foreground (-f) as our child,
// so that its exit status and what it printed can be judged; its output is in `log_path`.  The destructor
// leaves neither mount nor process behind, whatever state they are in.
#ifndef PLYFS_TESTS_MOUNT_LIVE_MOUNT_H_
#define PLYFS_TESTS_MOUNT_LIVE_MOUNT_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace plyfs::test {

struct MountPlan {
  std::vector<std::string> lowers;  // topmost first
  std::string upper;                // empty: read-only
  std::string work;
  std::string options;  // more mount options, comma-separated: "redirect_dir=on,index=off"
  std::string mountpoint;
  // Not empty: the plyctl that makes the lowers' indices first, for Program to mount with (index_dir=).
  std::string plyctl;
  // The program is called as PROGRAM -o OPTIONS MOUNTPOINT, and may go into the background by itself.
  bool plain_call = false;
  std::vector<std::string> data{};  // data-only layers
};

class LiveMount {
 public:
  // Null and one line in *error when the mount failed.
  static std::unique_ptr<LiveMount> Kernel(const MountPlan& plan, std::string* error);
  // `environment`: NAME=VALUE lines added to ours.
  static std::unique_ptr<LiveMount> Program(const std::string& program, const MountPlan& plan,
                                            const std::string& log_path, std::string* error,
                                            const std::vector<std::string>& environment = {});
  ~LiveMount();
  LiveMount(const LiveMount&) = delete;
  LiveMount& operator=(const LiveMount&) = delete;

  // Unmounts and waits for the program to end with status 0.  False and *error otherwise; the mount is gone
  // in any case.
  bool Unmount(std::string* error);
  // Ends the program at once (a crash) and takes the dead mount away.
  void Kill();
  // 0 for kernel overlayfs and after the end.
  pid_t daemon() const { return daemon_; }
  const std::string& mountpoint() const { return mountpoint_; }

 private:
  LiveMount(std::string mountpoint, pid_t daemon, std::string log_path);
  bool WaitUntilLive(dev_t covered, bool may_leave, std::string* error);
  // True when the program ended within the time; *status as wait(2) gives it.
  bool Reap(int timeout_ms, int* status);

  std::string mountpoint_;
  pid_t daemon_;
  std::string log_path_;
  bool mounted_ = true;
};

}  // namespace plyfs::test

#endif  // PLYFS_TESTS_MOUNT_LIVE_MOUNT_H_
