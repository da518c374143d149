// Soon: polls until a change made by hand in a layer shows in the mount; ReadOrErrno: what to poll.
//
// The promise is one second (semantics U2); the bound here is for a machine that does much else.  One thread.
#ifndef PLYFS_TESTS_TUTORIAL_SOON_H_
#define PLYFS_TESTS_TUTORIAL_SOON_H_

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>

namespace plyfs::test {

inline bool Soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    timespec pause{0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
  return false;
}

// What a program sees that opens and reads a file: the data, or the errno.  The mount may change at any
// moment, so it is one open.
inline std::string ReadOrErrno(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "errno " + std::to_string(errno);
  char text[256];
  ssize_t n = read(fd, text, sizeof text);
  std::string seen = n < 0 ? "errno " + std::to_string(errno) : std::string(text, static_cast<size_t>(n));
  close(fd);
  return seen;
}

}  // namespace plyfs::test

#endif  // PLYFS_TESTS_TUTORIAL_SOON_H_
