// Session: one mounted FUSE connection, its readers and its notifier.
//
// Owned by the program; one thread calls Start and Wait.  Each request is decoded, executed and answered on
// the thread that read it.  Before a thread makes a call that may block it makes sure that another one sits
// in read(); spare readers are started as needed.  No lock is held across a reply.
#ifndef PLYFS_FUSE_SESSION_H_
#define PLYFS_FUSE_SESSION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/base/result.h"
#include "engine/union_fs/union_fs.h"
#include "fuse/id_map.h"

namespace plyfs::fuse {

struct SessionOptions {
  int threads = 0;                // readers at rest; 0: chosen by the number of CPUs
  int max_threads = 1024;         // bound on readers, those blocked on a slow layer included
  uint32_t max_write = 1u << 20;  // bytes a READ or WRITE carries at most
  bool posix_acl = true;
  bool default_permissions = true;  // set for the mount as well (mount.h); the engine checks no permissions
  bool read_only = false;           // the mount is read-only for good (no upper)
  int protocol_minor = 45;          // INIT masked to this minor (tests: 38)
  double timeout_s = -1;            // < 0: the engine's timeouts; else entries and attributes last this long
  bool debug = false;               // one line a request to the log
  // Called once when the client has come as far as asking for INIT: the mount is allowed and under way.  What
  // it refuses makes Start, and the mount, fail.
  std::function<Status()> before_init;
  // Called once by the last reader to leave after the connection has ended: no request is being executed any
  // more, and none comes.  What follows until the process is gone may take long on a busy machine.
  std::function<void()> at_end;
  // Ids on disk and as shown to the client (uidmapping=, squash_to_uid=); empty and -1: identity.
  std::vector<IdRange> uid_map, gid_map;
  int64_t squash_uid = -1, squash_gid = -1;
};

class Session {
 public:
  // `fd` is an opened /dev/fuse, owned by the caller and outliving the session, as is `fs`.
  Session(int fd, UnionFs& fs, const SessionOptions& options);
  // After the connection has ended this waits a moment for the readers to leave.  Readers that are blocked on
  // a layer, or on a connection that still lives, are left behind with what they use: the process must end
  // with _exit then.
  ~Session();

  // Answers the INIT request and starts the readers; returns when INIT is answered and requests are served.
  // Before mount(2) it waits for it, where the kernel offers synchronous INIT (Mount::Create does that); a
  // signal whose handler interrupts then makes it return EINTR.
  Status Start();
  // Until the connection ends (unmounted or aborted) or Stop is called.
  void Wait();
  // After Wait: whether within `timeout` every reader has left, so that no request is being executed any
  // more.
  bool WaitUntilQuiet(std::chrono::milliseconds timeout);
  // From any thread: makes Wait return; requests in flight are left behind (the process is about to end).
  void Stop();

  // One line a request in flight into the log (SIGUSR1).
  void LogInFlight();

  // Readers started since Start; tests and plyctl look at it.
  uint64_t readers_started() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_SESSION_H_
