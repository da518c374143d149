// Keeper: a small process beside the daemon that holds the right to unmount and outlives the daemon's death.
//
// Forked before the daemon opens a layer or /dev/fuse and before it has threads; holds neither, so a dead
// daemon's mount is ENOTCONN at once.  It unmounts on request, which a confined daemon cannot do itself, and
// nothing but the one mount that it was told of: it compares the mount's identity first.
//
// When the daemon's first thread is gone, killed or ended, it ends the connection.  That matters where the
// kernel holds back another thread, and with it /dev/fuse: a notice that waits for a directory whose reader
// waits for the daemon.  What is mounted stays, as dead as after any other death of the daemon.
//
// Main's thread starts it and tells it of the mount; Unmount is called by one thread at a time.
#ifndef PLYFS_TOOLS_PLYFS_KEEPER_H_
#define PLYFS_TOOLS_PLYFS_KEEPER_H_

#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/io/unique_fd.h"

namespace plyfs::tool {

class Keeper {
 public:
  // `title`: where the arguments of this process lie; in the keeper they become its name.
  static Result<Keeper> Start(const std::string& mountpoint, std::span<char> title);

  // The mount is live.  `by_fusermount`: to be unmounted by fusermount3.
  void Mounted(bool by_fusermount) const;
  // As fuse::Mount::Unmount; EINVAL also where something else is at the mountpoint now.  ENOTCONN: no keeper.
  Status Unmount(bool lazy) const;

 private:
  explicit Keeper(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_KEEPER_H_
