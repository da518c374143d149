#include "engine/io/sys_creds.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include <thread>

#include "engine/io/fault.h"
#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

// Credentials belong to threads: each test uses one of its own, so that none is left behind.
template <typename F>
void OnOwnThread(F body) {
  std::thread(body).join();
}

class CredsTest : public OnEachFs {
 protected:
  void SetUp() override {
    if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
  }
  std::pair<uid_t, gid_t> OwnerOfNew(const char* name) {
    EXPECT_TRUE(MkdirAt(dir_.fd(), name, 0777).ok());
    auto st = Statx(dir_.fd(), name);
    return {st->stx_uid, st->stx_gid};
  }
};
PLYFS_ON_EACH_FS(CredsTest);

using Owner = std::pair<uid_t, gid_t>;

TEST_P(CredsTest, ScopesNestAndEnd) {
  OnOwnThread([&] {
    ASSERT_TRUE(KeepCapabilitiesAcrossFsIds().ok());
    {
      ScopedFsIds outer(1001, 1002);
      ASSERT_TRUE(outer.status().ok());
      EXPECT_EQ(OwnerOfNew("a"), Owner(1001, 1002));
      {
        ScopedFsIds inner(0, 7);
        EXPECT_EQ(OwnerOfNew("b"), Owner(0, 7));
      }
      EXPECT_EQ(OwnerOfNew("c"), Owner(1001, 1002));
    }
    EXPECT_EQ(OwnerOfNew("d"), Owner(0, 0));
  });
}

TEST_P(CredsTest, CapabilitiesStayAcrossTheChange) {
  OnOwnThread([&] {
    ASSERT_TRUE(KeepCapabilitiesAcrossFsIds().ok());
    ScopedFsIds scope(1001, 1001);
    EXPECT_TRUE(HasCapability(CAP_DAC_OVERRIDE));
    EXPECT_EQ(OwnerOfNew("made-where-only-root-may-write"), Owner(1001, 1001));
  });
}

TEST_P(CredsTest, OtherThreadsAreNotTouched) {
  OnOwnThread([&] {
    ASSERT_TRUE(KeepCapabilitiesAcrossFsIds().ok());
    ScopedFsIds scope(1001, 1001);
    ASSERT_TRUE(ThreadUmask(0777).ok());
    // A thread that existed before would keep its own; one made now starts as a copy, on a cache of its own.
    OnOwnThread([&] {
      ScopedFsIds root(0, 0);
      EXPECT_EQ(OwnerOfNew("inner"), Owner(0, 0));
    });
    EXPECT_EQ(OwnerOfNew("outer"), Owner(1001, 1001));
  });
  EXPECT_EQ(OwnerOfNew("main"), Owner(0, 0));
  EXPECT_NE(Statx(dir_.fd(), "main")->stx_mode & 0777, 0);
}

TEST_P(CredsTest, AThreadBegunWhileItsParentPutOffGoingBackIsTheProcess) {
  OnOwnThread([&] {
    {
      ScopedFsIds scope(1001, 1001);
    }
    OnOwnThread([&] { EXPECT_EQ(OwnerOfNew("a"), Owner(0, 0)); });
    OnOwnThread([&] {
      {
        ScopedFsIds scope(1002, 1002);
      }
      EXPECT_EQ(OwnerOfNew("b"), Owner(0, 0));
    });
  });
}

TEST_P(CredsTest, EveryCallThatMakesSomethingIsAfterTheScopeTheThreadsOwn) {
  OnOwnThread([&] {
    {
      ScopedFsIds scope(1001, 1001);
    }
    ASSERT_TRUE(MknodAt(dir_.fd(), "node", S_IFIFO | 0600, 0).ok());
    {
      ScopedFsIds scope(1001, 1001);
    }
    ASSERT_TRUE(SymlinkAt("x", dir_.fd(), "link").ok());
    {
      ScopedFsIds scope(1001, 1001);
    }
    dir_.Write("file", "");
    {
      ScopedFsIds scope(1001, 1001);
    }
    dir_.Write("moved", "");
    {
      ScopedFsIds scope(1001, 1001);
    }
    ASSERT_TRUE(RenameAt2(dir_.fd(), "moved", dir_.fd(), "there", RENAME_WHITEOUT).ok());
    for (const char* name : {"node", "link", "file", "moved"}) {
      EXPECT_EQ(Statx(dir_.fd(), name)->stx_uid, 0u) << name;
    }
    {
      ScopedFsIds scope(1001, 1001);
    }
    auto nameless = OpenAt2(dir_.fd(), ".", O_TMPFILE | O_RDWR, 0600, 0);
    ASSERT_TRUE(nameless.ok());
    EXPECT_EQ(StatxFd(nameless->get())->stx_uid, 0u);
  });
}

TEST_P(CredsTest, AnInjectedRefusalLeavesTheThreadAsItWas) {
  OnOwnThread([&] {
    auto plan = FaultPlan::Parse("setfsid=EPERM");
    ScopedFaults faults(plan->get());
    ScopedFsIds scope(1001, 1001);
    EXPECT_EQ(scope.status().error(), EPERM);
    EXPECT_EQ(OwnerOfNew("a"), Owner(0, 0));
  });
}

TEST_P(CredsTest, IdMinusOneIsRefused) {
  OnOwnThread([&] {
    ScopedFsIds scope(static_cast<uid_t>(-1), 5);
    EXPECT_EQ(scope.status().error(), EPERM);
    ScopedFsIds group(5, static_cast<gid_t>(-1));
    EXPECT_EQ(group.status().error(), EPERM);
    EXPECT_EQ(OwnerOfNew("a"), Owner(0, 0));
  });
}

TEST_P(CredsTest, UmaskIsTheThreadsOwn) {
  OnOwnThread([&] {
    ASSERT_TRUE(ThreadUmask(027).ok());
    ASSERT_TRUE(MkdirAt(dir_.fd(), "a", 0777).ok());
    EXPECT_EQ(Statx(dir_.fd(), "a")->stx_mode & 0777, 0750);
    ASSERT_TRUE(ThreadUmask(0).ok());
    ASSERT_TRUE(MkdirAt(dir_.fd(), "b", 0777).ok());
    EXPECT_EQ(Statx(dir_.fd(), "b")->stx_mode & 0777, 0777);
    ASSERT_TRUE(ThreadUmask(0777).ok());
  });
  ASSERT_TRUE(MkdirAt(dir_.fd(), "main", 0700).ok());
  EXPECT_EQ(Statx(dir_.fd(), "main")->stx_mode & 0777, 0700);
}

TEST(CapabilityTest, OfARootThread) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_TRUE(HasCapability(CAP_CHOWN));
  struct stat st;
  ASSERT_EQ(::stat("/proc/self/ns/user", &st), 0);
  EXPECT_EQ(InInitialUserNamespace(), st.st_ino == 0xEFFFFFFD);
}

}  // namespace
}  // namespace plyfs::sys
