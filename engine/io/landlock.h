// Landlock: what of the files of this machine a thread may open or change, whatever privileges it has.
//
// A ruleset names directories and what may be done beneath them.  It binds the thread that applies it and
// those that this one makes later, so it comes before them.  It judges paths when they are opened or changed:
// what is open already stays usable.  Any thread.
#ifndef PLYFS_ENGINE_IO_LANDLOCK_H_
#define PLYFS_ENGINE_IO_LANDLOCK_H_

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/io/unique_fd.h"

namespace plyfs::sys {

class Landlock {
 public:
  enum class May { kRead, kReadAndWriteFile, kChange };

  // Nothing may be opened or changed, until allowed.  EOPNOTSUPP: this kernel has none, or (before
  // Linux 5.19) one that forbids every rename from one directory to another.
  static Result<Landlock> Make();
  // Beneath the directory (or of the file) at `path`.
  Status Allow(const std::string& path, May what);
  // Binds this thread for good, and keeps programs that it runs from gaining privileges.
  Status BindThread() const;

 private:
  Landlock(UniqueFd rules, uint64_t handled) : rules_(std::move(rules)), handled_(handled) {}

  UniqueFd rules_;
  uint64_t handled_;
};

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_LANDLOCK_H_
