#include "tools/plyfs/launch.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tools/plyfs/report.h"

namespace plyfs::tool {
namespace {

// The daemon's word to its parent: kReady, or kFailed and the line.
constexpr char kReady = 'r', kFailed = 'f';

std::string ReadAll(int fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) all.append(buffer, static_cast<size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return all;
  }
}

[[noreturn]] void AwaitDaemon(pid_t daemon, int from_daemon, const char* program, int failure) {
  std::string word = ReadAll(from_daemon);
  if (word == std::string(1, kReady)) ::_exit(0);
  if (!word.empty() && word.front() == kFailed) {
    ReportLine(program, std::string_view(word).substr(1));
    ::_exit(failure);
  }
  int status = 0;
  if (::waitpid(daemon, &status, 0) == daemon && WIFSIGNALED(status)) {
    ReportLine(program, std::string("the daemon was killed before the mount was ready, by signal ") +
                            std::to_string(WTERMSIG(status)) + "; see the system's log");
  } else {
    ReportLine(program, "the daemon ended before the mount was ready; see the system's log");
  }
  ::_exit(failure);
}

}  // namespace

std::vector<int> InheritedFds() {
  std::vector<int> fds;
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) {
    for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0) fds.push_back(fd);
    }
    return fds;
  }
  while (dirent* entry = ::readdir(dir)) {
    int fd = std::atoi(entry->d_name);  // "." and ".." are 0
    if (fd > STDERR_FILENO && fd != ::dirfd(dir)) fds.push_back(fd);
  }
  ::closedir(dir);
  return fds;
}

Launch Launch::Foreground(const char* program, int failure) {
  return Launch(program, failure);
}

Launch Launch::Background(const char* program, int failure, std::vector<int> inherited) {
  Launch launch(program, failure);
  int ends[2];
  pid_t pid = -1;
  if (::pipe2(ends, O_CLOEXEC) != 0 || (pid = ::fork()) < 0) {
    launch.Failed(std::string("cannot start the daemon: ") + std::strerror(errno) + "; use -f");
  }
  if (pid != 0) {
    ::close(ends[1]);
    AwaitDaemon(pid, ends[0], program, failure);
  }
  ::close(ends[0]);
  ::setsid();
  launch.to_parent_ = ends[1];
  launch.inherited_ = std::move(inherited);
  return launch;
}

void Launch::Failed(std::string_view error_line) {
  if (to_parent_ < 0) {
    ReportLine(program_, error_line);
  } else {
    std::string word = kFailed + OneLine(error_line);
    if (::write(to_parent_, word.data(), word.size()) < 0) ReportLine(program_, error_line);
  }
  ::_exit(failure_);
}

bool Launch::Ready() {
  if (to_parent_ < 0) return true;
  int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // Without /dev/null the numbers must still not name files that are opened later: better closed than held.
    if (null >= 0) {
      ::dup2(null, fd);
    } else {
      ::close(fd);
    }
  }
  if (null > STDERR_FILENO) ::close(null);
  for (int fd : inherited_) ::close(fd);
  bool told = ::write(to_parent_, &kReady, 1) == 1;  // EPIPE: SIGPIPE is ignored
  ::close(std::exchange(to_parent_, -1));
  return told;
}

}  // namespace plyfs::tool
