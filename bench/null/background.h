// Background: a program that goes on in the background once it serves, as a mount program does.
#ifndef PLYFS_BENCH_NULL_BACKGROUND_H_
#define PLYFS_BENCH_NULL_BACKGROUND_H_

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace plyfs::bench {

// Forks.  The parent ends with status 0 when the child calls Ready, with 1 if the child ends before; only the
// child returns.  Before any thread is started.
class Background {
 public:
  Background() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) std::exit(1);
    if (const pid_t child = ::fork(); child != 0) {
      char byte = 0;
      ::close(fds[1]);
      ::_exit(child > 0 && ::read(fds[0], &byte, 1) == 1 ? 0 : 1);
    }
    ::close(fds[0]);
    ::setsid();
    ready_ = fds[1];
  }
  void Ready() {
    // Who started us waits for the end of what it reads from us.
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
    (void)!::write(ready_, "", 1);
    ::close(ready_);
  }

 private:
  int ready_ = -1;
};

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_NULL_BACKGROUND_H_
