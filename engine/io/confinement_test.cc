// Landlock and CallFilter together: what a daemon taken over from within cannot do.  Each test confines a
// child.
// Not where sanitizers make calls and open files of their own.
#include "engine/io/sanitized_for_test.h"

#ifndef PLYFS_SANITIZED_HERE
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <thread>

#include "engine/io/call_filter.h"
#include "engine/io/landlock.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

class Confinement : public testing::Test {
 protected:
  void SetUp() override {
    if (Landlock::Make().error() == EOPNOTSUPP) GTEST_SKIP() << "no Landlock here";
    for (const char* name : {"lower", "upper", "outside"}) {
      ASSERT_EQ(::mkdirat(dir_.fd(), name, 0755), 0);
      UniqueFd file(::open(Path(name, "/f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      ASSERT_TRUE(file.valid());
    }
    outside_ = UniqueFd(::open(Path("outside").c_str(), O_PATH | O_CLOEXEC));
  }

  std::string Path(const char* name, const char* rest = "") { return dir_.path() + "/" + name + rest; }

  // The errno of `call` in a confined process, 0 where it succeeds.
  template <typename F>
  int Confined(F call) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(Confine() ? call() : 255);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_NE(WEXITSTATUS(status), 255) << "not confined";
    return WEXITSTATUS(status);
  }

  TempDir dir_;
  UniqueFd outside_;

 private:
  bool Confine() {
    auto rules = Landlock::Make();
    return rules.ok() && rules->Allow(Path("lower"), Landlock::May::kRead).ok() &&
           rules->Allow(Path("upper"), Landlock::May::kChange).ok() && rules->BindThread().ok() &&
           FilterCalls().ok();
  }
};

struct HandleRoom {
  alignas(struct file_handle) char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ] = {};
  struct file_handle* get() { return reinterpret_cast<struct file_handle*>(bytes); }
};

std::optional<HandleRoom> HandleOf(int dir, const std::string& path) {
  HandleRoom room;
  int mount_id;
  room.get()->handle_bytes = MAX_HANDLE_SZ;
  if (::name_to_handle_at(dir, path.c_str(), room.get(), &mount_id, 0) != 0) return std::nullopt;
  return room;
}

int ErrnoOf(long result) {
  return result < 0 ? errno : 0;
}

TEST_F(Confinement, LayersAreServed) {
  EXPECT_EQ(Confined([&] { return ErrnoOf(::open(Path("lower", "/f").c_str(), O_RDONLY)); }), 0);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::open(Path("upper", "/f").c_str(), O_RDWR | O_TRUNC)); }), 0);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::mkdirat(AT_FDCWD, Path("upper", "/d").c_str(), 0755)); }), 0);
  EXPECT_EQ(Confined([&] {
              return ErrnoOf(::renameat2(AT_FDCWD, Path("upper", "/f").c_str(), AT_FDCWD,
                                         Path("upper", "/d/g").c_str(), RENAME_NOREPLACE));
            }),
            0);
  // Without flags the C library takes another call.
  EXPECT_EQ(Confined([&] {
              return ErrnoOf(::renameat2(AT_FDCWD, Path("upper", "/d/g").c_str(), AT_FDCWD,
                                         Path("upper", "/f").c_str(), 0));
            }),
            0);
}

TEST_F(Confinement, ThreadsAreMade) {
  EXPECT_EQ(Confined([] {
              std::thread([] {}).join();
              return 0;
            }),
            0);
}

TEST_F(Confinement, LowersAreNotChanged) {
  EXPECT_EQ(Confined([&] { return ErrnoOf(::open(Path("lower", "/f").c_str(), O_RDWR)); }), EACCES);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::unlinkat(AT_FDCWD, Path("lower", "/f").c_str(), 0)); }), EACCES);
}

TEST_F(Confinement, NothingOutside) {
  EXPECT_EQ(Confined([&] { return ErrnoOf(::open(Path("outside", "/f").c_str(), O_RDONLY)); }), EACCES);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::openat(outside_.get(), "f", O_RDONLY)); }), EACCES);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::unlinkat(outside_.get(), "f", 0)); }), EACCES);
  EXPECT_EQ(Confined([] { return ErrnoOf(::open("/etc/passwd", O_RDONLY)); }), EACCES);
}

TEST_F(Confinement, NothingOutsideByHandle) {
  auto handle = HandleOf(AT_FDCWD, Path("outside", "/f"));
  if (!handle) GTEST_SKIP() << "no handles here";
  const int mount = ::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const auto open = [&] { return ErrnoOf(::open_by_handle_at(mount, handle->get(), O_RDONLY)); };
  if (open() == EPERM) GTEST_SKIP() << "needs root";
  EXPECT_EQ(open(), 0);
  EXPECT_EQ(Confined(open), EACCES);
  ::close(mount);
}

TEST_F(Confinement, NothingOutsideByAClone) {
  EXPECT_EQ(Confined([&] {
              const long clone = ::syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE);
              return clone < 0 ? EACCES : ErrnoOf(::openat(static_cast<int>(clone), "etc/passwd", O_RDONLY));
            }),
            EACCES);
}

TEST_F(Confinement, ForbiddenCalls) {
  EXPECT_EQ(Confined([] {
              char* argv[] = {nullptr};
              return ErrnoOf(::execve("/bin/true", argv, argv));
            }),
            EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::syscall(SYS_fork)); }), EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::unshare(CLONE_NEWUSER)); }), EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::unshare(CLONE_FS)); }), 0);
  EXPECT_EQ(Confined([] { return ErrnoOf(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }), EPERM);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::mount("x", Path("upper").c_str(), "tmpfs", 0, "")); }), EPERM);
  EXPECT_EQ(Confined([&] { return ErrnoOf(::umount2(Path("upper").c_str(), 0)); }), EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::chroot("/")); }), EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::socket(AF_UNIX, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::kill(::getppid(), 0)); }), EPERM);
  EXPECT_EQ(Confined([] { return ErrnoOf(::syscall(SYS_io_uring_setup, 1, nullptr)); }), EPERM);
  EXPECT_EQ(Confined([] {
              constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
              return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, kFlags, -1, 0) == MAP_FAILED ? errno : 0;
            }),
            EPERM);
}

TEST_F(Confinement, ThreadsThatWereThereAreFiltered) {
  EXPECT_EQ(Confined([] { return 0; }), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    int error = 0;
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(255);
    std::thread other([&] {
      char go;
      (void)!::read(ends[0], &go, 1);
      error = ErrnoOf(::socket(AF_UNIX, SOCK_STREAM, 0));
    });
    if (!FilterCalls().ok()) ::_exit(255);
    (void)!::write(ends[1], "g", 1);
    other.join();
    ::_exit(error);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), EPERM);
}

}  // namespace
}  // namespace plyfs::sys

#endif  // PLYFS_SANITIZED_HERE
