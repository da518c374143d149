#include "engine/io/sys_owner.h"

#include <sys/stat.h>

#include "engine/io/fault.h"
#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

using OwnerTest = OnEachFs;
PLYFS_ON_EACH_FS(OwnerTest);

TEST_P(OwnerTest, ChownOfFileAndSymlinkByPathDescriptor) {
  if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
  dir_.Write("f", "");
  ASSERT_TRUE(SymlinkAt("f", dir_.fd(), "l").ok());
  UniqueFd link = dir_.Open("l", O_PATH);
  ASSERT_TRUE(Chown(link.get(), 1234, 4321).ok());
  EXPECT_EQ(Statx(dir_.fd(), "l")->stx_uid, 1234u);
  EXPECT_EQ(Statx(dir_.fd(), "f")->stx_uid, ::geteuid());
  UniqueFd file = dir_.Open("f", O_PATH);
  ASSERT_TRUE(Chown(file.get(), static_cast<uid_t>(-1), 77).ok());
  EXPECT_EQ(Statx(dir_.fd(), "f")->stx_uid, ::geteuid());
  EXPECT_EQ(Statx(dir_.fd(), "f")->stx_gid, 77u);
}

void ChmodEveryKind(const TempDir& dir) {
  dir.Write("f", "");
  ASSERT_TRUE(MkdirAt(dir.fd(), "d", 0755).ok());
  ASSERT_TRUE(MknodAt(dir.fd(), "p", S_IFIFO | 0600, 0).ok());
  ASSERT_TRUE(SymlinkAt("f", dir.fd(), "l").ok());
  for (const char* name : {"f", "d", "p"}) {
    UniqueFd path = dir.Open(name, O_PATH);
    ASSERT_TRUE(Chmod(path.get(), 01751).ok()) << name;
    EXPECT_EQ(Statx(dir.fd(), name)->stx_mode & 07777, 01751) << name;
  }
  UniqueFd link = dir.Open("l", O_PATH);
  EXPECT_EQ(Chmod(link.get(), 0600).error(), EOPNOTSUPP);
  EXPECT_EQ(Statx(dir.fd(), "f")->stx_mode & 07777, 01751);
}

TEST_P(OwnerTest, ChmodByPathDescriptor) {
  ChmodEveryKind(dir_);
}

TEST_P(OwnerTest, ChmodByPathDescriptorOnLinux61) {
  auto plan = FaultPlan::Parse("linux6.1");
  ScopedFaults faults(plan->get());
  ChmodEveryKind(dir_);
}

TEST_P(OwnerTest, TimesByPathDescriptorAndOfASymlinkItself) {
  dir_.Write("f", "");
  ASSERT_TRUE(SymlinkAt("f", dir_.fd(), "l").ok());
  for (const char* name : {"l", "f"}) {
    UniqueFd path = dir_.Open(name, O_PATH);
    struct timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 7}};
    ASSERT_TRUE(Utimens(path.get(), times).ok());
    auto st = Statx(dir_.fd(), name);
    EXPECT_EQ(st->stx_atime.tv_sec, 1000);
    EXPECT_EQ(st->stx_mtime.tv_sec, 2000);
    EXPECT_EQ(st->stx_mtime.tv_nsec, 7u);
    if (name[0] == 'l') {
      EXPECT_NE(Statx(dir_.fd(), "f")->stx_mtime.tv_sec, 2000);
    }
  }
  struct timespec bad[2] = {{.tv_sec = 0, .tv_nsec = -5}, {.tv_sec = 0, .tv_nsec = 0}};
  UniqueFd path = dir_.Open("f", O_PATH);
  EXPECT_EQ(Utimens(path.get(), bad).error(), EINVAL);
}

}  // namespace
}  // namespace plyfs::sys
