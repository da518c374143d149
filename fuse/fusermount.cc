#include "fuse/fusermount.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "engine/io/unique_fd.h"

extern char** environ;

namespace plyfs::fuse {
namespace {

constexpr char kProgram[] = "fusermount3";
constexpr char kSocketVariable[] = "_FUSE_COMMFD=";  // where the helper sends the descriptor

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Runs the helper with `socket` open in it (-1: none) and its stderr going to `errors` (-1: nowhere).
Result<pid_t> Spawn(std::vector<std::string> arguments, int socket, int errors) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);
  if (socket >= 0) environment.push_back(kSocketVariable + std::to_string(socket));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Onto itself: the way to let one close-on-exec descriptor through.
  if (socket >= 0) posix_spawn_file_actions_adddup2(&actions, socket, socket);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (errors >= 0) {
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  }
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, kProgram, &actions, nullptr, Pointers(arguments).data(),
                                 Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Errno(error);
  return pid;
}

// The descriptor that comes with one byte; EPERM: the helper hung up without sending one.
Result<int> ReceiveDescriptor(int socket) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return LastErrno();
  const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return Errno(EPERM);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

std::string FirstLine(int pipe) {
  char text[512];
  const ssize_t size = read(pipe, text, sizeof text);
  std::string line(text, size > 0 ? static_cast<size_t>(size) : 0);
  line.resize(std::min(line.find('\n'), line.size()));
  return line;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<int> FusermountMount(const std::string& mountpoint, const std::string& options, std::string* cause) {
  int sockets[2], pipes[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) return LastErrno();
  UniqueFd ours(sockets[0]), theirs(sockets[1]);
  if (pipe2(pipes, O_CLOEXEC) < 0) return LastErrno();
  const UniqueFd errors(pipes[0]);
  UniqueFd errors_in(pipes[1]);
  const auto pid = Spawn({kProgram, "-o", options, "--", mountpoint}, theirs.get(), errors_in.get());
  theirs.reset();
  errors_in.reset();
  if (!pid) {
    *cause = "cannot run fusermount3; install fuse3, or mount as root";
    return pid.status();
  }
  const auto fd = ReceiveDescriptor(ours.get());
  if (!fd) {
    *cause = FirstLine(errors.get());
    (void)WaitFor(*pid);
    return fd.status();
  }
  if (options.find(",auto_unmount") != std::string::npos) {
    (void)ours.release();  // its closing, with the process, is the sign to unmount
  } else {
    (void)WaitFor(*pid);
  }
  return *fd;
}

Status FusermountUnmount(const std::string& mountpoint, bool lazy) {
  std::vector<std::string> arguments = {kProgram, "-u", "-q"};
  if (lazy) arguments.push_back("-z");
  arguments.push_back("--");
  arguments.push_back(mountpoint);
  PLY_TRY(const pid_t pid, Spawn(std::move(arguments), -1, -1));
  return WaitFor(pid) == 0 ? OkStatus() : Status(Errno(EBUSY));
}

}  // namespace plyfs::fuse
