// SignalsBlocked: no signals on this thread, and on the threads it makes, while one lives.
//
// Signals belong to the program's own thread; the session's threads must not be woken out of a layer's system
// call by one.
#ifndef PLYFS_FUSE_SIGNALS_BLOCKED_H_
#define PLYFS_FUSE_SIGNALS_BLOCKED_H_

#include <csignal>

namespace plyfs::fuse {

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_SIGNALS_BLOCKED_H_
