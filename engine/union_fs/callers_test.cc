// Who asks: what a caller's groups and capabilities let him keep and see, and what a file's flags forbid to
// everybody.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "engine/ops/caller_process.h"
#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

// A process that does nothing, without capabilities and in one group beside its own.
class Stranger {
 public:
  static constexpr gid_t kGroup = 4242;
  Stranger() {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const gid_t groups[] = {7, kGroup};
      __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
      __user_cap_data_struct none[2] = {};
      const bool done = ::setgroups(2, groups) == 0 && ::setgid(9) == 0 && ::setuid(9) == 0 &&
                        ::syscall(SYS_capset, &header, none) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
      if (!done || ::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Stranger() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Caller caller() const {
    Caller caller;
    caller.uid = caller.gid = 9;
    caller.pid = pid_;
    return caller;
  }

 private:
  pid_t pid_ = 0;
};

class CallersTest : public UnionFixture {
 protected:
  CallersTest() : UnionFixture("/dev/shm") {}

  int OpenError(const std::string& path, uint32_t flags) {
    Result<Opened> file = fs_->Open(me_, Walk(path), flags, false);
    if (file.ok()) fs_->Release(0, file->handle);
    return file.error();
  }
  Result<std::string> Ioctl(const std::string& path, uint32_t command, const void* in, size_t size) {
    return fs_->Ioctl(me_, Walk(path), 0, command, {static_cast<const char*>(in), size}, size);
  }
};

// rules: A9 A10
TEST_F(CallersTest, GroupsAndCapabilitiesAreTheProcesss) {
  const Stranger stranger;
  const pid_t pid = stranger.caller().pid;
  EXPECT_TRUE(ProcessInGroup(pid, Stranger::kGroup));
  EXPECT_TRUE(ProcessInGroup(pid, 7));
  EXPECT_FALSE(ProcessInGroup(pid, 8));
  EXPECT_FALSE(ProcessHasCapability(pid, CAP_SYS_ADMIN));
  EXPECT_TRUE(ProcessHasCapability(::getpid(), CAP_SYS_ADMIN));
  EXPECT_FALSE(ProcessHasCapability(0, CAP_SYS_ADMIN));  // outside our pid namespace: nothing is known
  EXPECT_FALSE(ProcessInGroup(0, 7));
  EXPECT_TRUE(MayKeepSetGid(stranger.caller(), Stranger::kGroup));
  EXPECT_TRUE(MayKeepSetGid(stranger.caller(), 9));
  EXPECT_FALSE(MayKeepSetGid(stranger.caller(), 8));
  EXPECT_TRUE(MayKeepSetGid(me_, 8));
}

// rules: A5
TEST_F(CallersTest, TrustedNamesAreListedToWhoMayReadThem) {
  Put("u/f");
  for (const char* name : {"trusted.one", "user.one"}) {
    ASSERT_EQ(::setxattr(At("u/f").c_str(), name, "1", 1, 0), 0);
  }
  Mount();
  const Stranger stranger;
  Caller outside = stranger.caller(), root = me_, us = me_;
  outside.pid = 0;
  us.pid = ::getpid();
  const auto list = [this](const Caller& caller) {
    const std::string names = fs_->ListXattr(caller, Walk("f"), 1000).value_or("?");
    return std::pair(names.find("trusted.one") != names.npos, names.find("user.one") != names.npos);
  };
  for (int known = 0; known < 2; ++known) {  // the second time from what is remembered
    EXPECT_EQ(list(root), std::pair(true, true));
    EXPECT_EQ(list(us), std::pair(true, true));
    EXPECT_EQ(list(stranger.caller()), std::pair(false, true));
    EXPECT_EQ(list(outside), std::pair(false, true));
  }
}

// rules: A11
TEST_F(CallersTest, AWriteClearsSetIdButNotTheBitThatGrantsNothingInsideTheGroup) {
  const Stranger stranger;
  struct Case {
    mode_t before;
    gid_t group;
    mode_t after;
  };
  for (const Case& c : {Case{06755, 8, 0755}, Case{02644, 8, 0644}, Case{02644, 9, 02644},
                        Case{02644, Stranger::kGroup, 02644}, Case{0644, 8, 0644}}) {
    SCOPED_TRACE(std::to_string(c.before) + " " + std::to_string(c.group));
    StartOver();
    Put("u/f", "text");
    ASSERT_EQ(::chown(At("u/f").c_str(), 0, c.group), 0);
    ASSERT_EQ(::chmod(At("u/f").c_str(), c.before), 0);
    Mount();
    const NodeId node = Walk("f");
    Result<Opened> file = fs_->Open(me_, node, O_RDWR, false);
    ASSERT_TRUE(file.ok());
    WriteFlags kill;
    kill.kill_suidgid = true;
    // Beyond what any file may be long: refused before anything changes.
    EXPECT_EQ(
        fs_->Write(stranger.caller(), node, file->handle, uint64_t{1} << 63, std::string("x"), kill).ok(),
        false);
    EXPECT_EQ(Stat("f").mode & 07777, c.before);
    EXPECT_TRUE(fs_->Write(stranger.caller(), node, file->handle, 0, std::string("T"), kill).ok());
    EXPECT_EQ(Stat("f").mode & 07777, c.after);
    fs_->Release(node, file->handle);
    EXPECT_EQ(Get("u/f"), "Text");
  }
}

// rules: A11
TEST_F(CallersTest, OpeningToTruncateClearsSetIdWhereTheClientSaysSo) {
  for (const bool kill : {false, true}) {
    StartOver();
    Put("u/f", "text");
    Mount();
    const NodeId node = Walk("f");
    ASSERT_EQ(::chmod(At("u/f").c_str(), 06755), 0);
    Result<Opened> file = fs_->Open(Stranger().caller(), node, O_WRONLY | O_TRUNC, kill);
    ASSERT_TRUE(file.ok());
    fs_->Release(node, file->handle);
    EXPECT_TRUE(!kill || (Stat("f").mode & 07777) == 0755u);
    EXPECT_EQ(Get("u/f"), "");
  }
}

// rules: A14
TEST_F(CallersTest, ProtectedFilesTakeAppendingAtMost) {
  for (const char* path : {"u/append", "u/fixed"}) Put(path, "text");
  SetRecord("u/append", "protattr", "a");
  SetRecord("u/fixed", "protattr", "i");
  Mount();
  EXPECT_EQ(OpenError("append", O_WRONLY), EPERM);
  EXPECT_EQ(OpenError("append", O_WRONLY | O_APPEND), 0);
  EXPECT_EQ(OpenError("append", O_WRONLY | O_APPEND | O_TRUNC), EPERM);
  EXPECT_EQ(OpenError("fixed", O_WRONLY | O_APPEND), EPERM);
  EXPECT_EQ(OpenError("fixed", O_RDONLY), 0);
  for (const char* path : {"append", "fixed"}) {
    EXPECT_EQ(Unlink(path), EPERM);
    EXPECT_EQ(Rename(path, "new"), EPERM);
    EXPECT_EQ(Chmod(path, 0600), EPERM);
    EXPECT_EQ(SetXattr(path, "user.k", "v"), EPERM);
    EXPECT_EQ(Link(path, "new"), EPERM);
  }
  // The present time may be set where appending may.
  SetAttrArgs now;
  now.atime_now = now.mtime_now = true;
  EXPECT_EQ(fs_->SetAttr(me_, Walk("append"), 0, now).error(), 0);
  EXPECT_EQ(fs_->SetAttr(me_, Walk("fixed"), 0, now).error(), EPERM);
  EXPECT_EQ(Get("u/append") + Get("u/fixed"), "texttext");
}

// rules: A14 F12
TEST_F(CallersTest, ProtectionIsRecordedAndShownInBothWaysOfAsking) {
  for (const uint32_t flag : {FS_IMMUTABLE_FL, FS_APPEND_FL}) {
    StartOver();
    Put("u/f", "text");
    Mount();
    const uint32_t xflag = flag == FS_IMMUTABLE_FL ? FS_XFLAG_IMMUTABLE : FS_XFLAG_APPEND;
    const auto shown = [this] {
      struct fsxattr extended = {};
      uint32_t flags = 0;
      Result<std::string> plain = Ioctl("f", FS_IOC_GETFLAGS, nullptr, 0);
      if (plain.ok()) std::memcpy(&flags, plain->data(), sizeof flags);
      Result<std::string> long_one = Ioctl("f", FS_IOC_FSGETXATTR, nullptr, 0);
      if (long_one.ok()) std::memcpy(&extended, long_one->data(), sizeof extended);
      return std::pair(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL),
                       extended.fsx_xflags & (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND));
    };
    struct fsxattr extended = {};
    extended.fsx_xflags = xflag;
    ASSERT_EQ(Ioctl("f", FS_IOC_FSSETXATTR, &extended, sizeof extended).error(), 0);
    EXPECT_EQ(shown(), std::pair(flag, xflag));
    Mount();
    EXPECT_EQ(shown(), std::pair(flag, xflag));
    EXPECT_EQ(Record("u/f", "protattr"), flag == FS_IMMUTABLE_FL ? "i" : "a");
    const uint32_t none = 0;
    ASSERT_EQ(Ioctl("f", FS_IOC_SETFLAGS, &none, sizeof none).error(), 0);
    EXPECT_EQ(shown(), std::pair(0u, 0u));
    EXPECT_EQ(Record("u/f", "protattr"), "(none)");
    ASSERT_EQ(Ioctl("f", FS_IOC_SETFLAGS, &flag, sizeof flag).error(), 0);
    EXPECT_EQ(shown(), std::pair(flag, xflag));
  }
}

// rules: A11 F20
TEST_F(CallersTest, PagesThatAreWrittenBackKeepTheCapability) {
  Put("u/f", "text");
  const char capability[20] = {1, 0, 0, 2, 1};
  Mount();
  const NodeId node = Walk("f");
  for (const uint32_t direct : {0, O_DIRECT}) {
    ASSERT_EQ(::setxattr(At("u/f").c_str(), "security.capability", capability, sizeof capability, 0), 0);
    Result<Opened> file = fs_->Open(me_, node, O_RDWR | direct, false);
    if (!file.ok()) continue;  // a filesystem without O_DIRECT
    WriteFlags pages;
    pages.from_cache = true;
    EXPECT_TRUE(fs_->Write(me_, node, file->handle, 1, std::string("E"), pages).ok());
    char stored[20];
    EXPECT_EQ(::getxattr(At("u/f").c_str(), "security.capability", stored, sizeof stored), 20);
    EXPECT_TRUE(fs_->Write(me_, node, file->handle, 0, std::string("T"), {}).ok() || direct != 0);
    fs_->Release(node, file->handle);
  }
  EXPECT_EQ(Get("u/f").substr(0, 2), "TE");
}

}  // namespace
}  // namespace plyfs
