// Launch: how the program comes to serve, in the foreground or as a daemon that reports to its parent.
//
// The daemon is forked before any thread or ring exists.  Its parent lives until the mount is live (exit 0)
// or has failed (the error's line on stderr, exit code as given): callers take exit 0 for "mounted and
// serving" and wait for the end of the pipes they gave us, so the daemon lets go of all of them first. Main's
// thread.
#ifndef PLYFS_TOOLS_PLYFS_LAUNCH_H_
#define PLYFS_TOOLS_PLYFS_LAUNCH_H_

#include <string>
#include <string_view>
#include <vector>

namespace plyfs::tool {

// The descriptors that this process was born with, above stderr.  Before it opens any of its own.
std::vector<int> InheritedFds();

class Launch {
 public:
  // Serving in this process.
  static Launch Foreground(const char* program, int failure);
  // Returns in the daemon; this process waits for it and exits.  `inherited`: what the daemon is to close.
  static Launch Background(const char* program, int failure, std::vector<int> inherited);

  // Tells the line to whoever waits, and ends.
  [[noreturn]] void Failed(std::string_view error_line);
  // The mount is live: lets go of the caller's descriptors and tells the parent.  False: the parent is gone,
  // that is, the caller has given up on this mount.
  bool Ready();

 private:
  Launch(const char* program, int failure) : program_(program), failure_(failure) {}

  const char* program_;
  int failure_;
  int to_parent_ = -1;
  std::vector<int> inherited_;
};

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_LAUNCH_H_
