#include "fuse/client_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>

namespace plyfs::fuse {
namespace {

constexpr uint64_t Bit(int signal) {
  return uint64_t{1} << (signal - 1);
}

// Default action is not to end the process (signal(7)).
constexpr uint64_t kHarmless = Bit(SIGCHLD) | Bit(SIGURG) | Bit(SIGWINCH) | Bit(SIGCONT) | Bit(SIGSTOP) |
                               Bit(SIGTSTP) | Bit(SIGTTIN) | Bit(SIGTTOU);

// The hexadecimal mask after "key:\t"; 0 when it is not there.
uint64_t Mask(std::string_view status, std::string_view key) {
  const size_t at = status.find(key);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = status.substr(at + key.size());
  rest.remove_prefix(rest.find_first_not_of(" \t") == std::string_view::npos ? rest.size()
                                                                             : rest.find_first_not_of(" \t"));
  uint64_t mask = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), mask, 16);
  return mask;
}

}  // namespace

bool StatusShowsDying(std::string_view status) {
  const uint64_t pending = Mask(status, "\nSigPnd:") | Mask(status, "\nShdPnd:");
  // complete_signal (kernel/signal.c) turns what surely ends a process into SIGKILL for each of its threads;
  // what dumps core waits under its own number.
  if ((pending & Bit(SIGKILL)) != 0) return true;
  const uint64_t handled =
      Mask(status, "\nSigBlk:") | Mask(status, "\nSigIgn:") | Mask(status, "\nSigCgt:") | kHarmless;
  return (pending & ~handled) != 0;
}

bool ClientIsDying(uint32_t thread_id) {
  if (thread_id == 0) return false;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%u/status", thread_id);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[4096];
  const ssize_t size = read(fd, text, sizeof text);
  close(fd);
  return size > 0 && StatusShowsDying({text, static_cast<size_t>(size)});
}

}  // namespace plyfs::fuse
