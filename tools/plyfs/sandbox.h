// Sandbox: a daemon that confines itself to its layers (sandbox=on; docs/security.md says to what).
//
// Files are bound a thread, so main's thread binds itself before it makes others, and those that serve
// descend from it.  One thread is made before that and does the mounting, which a bound thread cannot; then
// it is gone, and the filter of system calls binds whoever is left.  Main's thread.
#ifndef PLYFS_TOOLS_PLYFS_SANDBOX_H_
#define PLYFS_TOOLS_PLYFS_SANDBOX_H_

#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>

#include "engine/base/result.h"
#include "engine/format/mount_options.h"
#include "engine/io/landlock.h"

namespace plyfs::tool {

class Sandbox {
 public:
  // Binds this thread to the layers that `options` name, having made the one that mounts.  Null: not asked
  // for.
  static Result<std::unique_ptr<Sandbox>> Enter(const ParsedOptions& options, std::string* error_line);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // On the thread that mounts, which then ends.  Once.
  void Mount(std::function<void()> mount);
  // While mounting: runs `start`, whose threads are bound as this one is.
  Status Serve(const std::function<Status()>& start) const;
  // All is set up: from now on only the calls that serving takes, on every thread.
  Status Seal(std::string* error_line) const;

 private:
  explicit Sandbox(sys::Landlock rules);

  const sys::Landlock rules_;
  std::binary_semaphore wanted_{0};
  std::function<void()> mount_;  // handed over by wanted_
  std::thread mounting_;
};

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_SANDBOX_H_
