#include "bench/client/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace plyfs::bench {
namespace {

[[noreturn]] void Become(char* const words[], int out) {
  // A group of its own, so that its children can be killed with it.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(out, STDOUT_FILENO);
  ::execvp(words[0], words);
  ::_exit(127);
}

int WaitMillis(Clock::time_point end, bool limited) {
  if (!limited) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

// The lines until the end of `fd`; *cut if the limit came first.
uint64_t CountLines(int fd, Clock::time_point end, bool limited, bool* cut) {
  std::vector<char> buffer(1 << 18);
  uint64_t lines = 0;
  while (true) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, WaitMillis(end, limited)) == 0) {
      *cut = true;
      return lines;
    }
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return lines;
    lines += static_cast<uint64_t>(std::count(buffer.begin(), buffer.begin() + got, '\n'));
  }
}

}  // namespace

Outcome RunProgram(char* const words[], std::chrono::nanoseconds limit) {
  Outcome outcome;
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) {
    outcome.error = std::strerror(errno);
    return outcome;
  }
  const Clock::time_point begin = Clock::now();
  const pid_t child = ::fork();
  if (child == 0) Become(words, pipe_fds[1]);
  ::close(pipe_fds[1]);
  outcome.ops = CountLines(pipe_fds[0], begin + limit, limit.count() > 0, &outcome.cut);
  outcome.ns = static_cast<uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
  if (outcome.cut) ::kill(-child, SIGKILL);
  int status = 0;
  if (::waitpid(child, &status, 0) != child) outcome.error = std::strerror(errno);
  if (!outcome.cut) {
    outcome.ns = static_cast<uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
    if (status != 0) outcome.error = std::string(words[0]) + " failed";
    outcome.ops = std::max<uint64_t>(outcome.ops, 1);
  }
  ::close(pipe_fds[0]);
  return outcome;
}

}  // namespace plyfs::bench
