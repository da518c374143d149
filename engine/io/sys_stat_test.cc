#include "engine/io/sys_stat.h"

#include <linux/magic.h>
#include <sys/stat.h>

#include <cstdlib>

#include "engine/io/fault.h"
#include "engine/io/image_for_test.h"
#include "engine/io/sys_creds.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_owner.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

using StatTest = OnEachFs;
PLYFS_ON_EACH_FS(StatTest);

TEST_P(StatTest, ByNameAndByDescriptorAreTheSame) {
  dir_.Write("f", "12345");
  UniqueFd path = dir_.Open("f", O_PATH);
  auto by_name = Statx(dir_.fd(), "f");
  auto by_fd = StatxFd(path.get());
  ASSERT_TRUE(by_name.ok() && by_fd.ok());
  EXPECT_EQ(by_name->stx_size, 5u);
  EXPECT_EQ(by_name->stx_ino, by_fd->stx_ino);
  EXPECT_EQ(by_name->stx_btime.tv_sec, by_fd->stx_btime.tv_sec);
  EXPECT_NE(by_name->stx_mask & STATX_MNT_ID, 0u);
  EXPECT_EQ(Statx(dir_.fd(), "none").error(), ENOENT);
}

TEST_P(StatTest, NeverFollowsASymlink) {
  ASSERT_TRUE(SymlinkAt("/", dir_.fd(), "l").ok());
  EXPECT_TRUE(S_ISLNK(Statx(dir_.fd(), "l")->stx_mode));
}

TEST_P(StatTest, FilesystemTypeIsKnownThroughAPathDescriptor) {
  dir_.Write("f", "");
  UniqueFd path = dir_.Open("f", O_PATH);
  auto fs = FStatFs(path.get());
  ASSERT_TRUE(fs.ok());
  if (std::string(GetParam()) == "/dev/shm") {
    EXPECT_EQ(fs->f_type, TMPFS_MAGIC);
  }
  EXPECT_EQ(fs->f_namelen, 255);
}

TEST_P(StatTest, SubvolumeIsZeroWithoutSubvolumes) {
  EXPECT_EQ(*Subvolume(dir_.fd()), 0u);
  EXPECT_EQ(Subvolume(-1).error(), EBADF);
}

TEST(SubvolumeTest, EachHasItsNumberAndTheSameOnLinux61) {
  TempDir dir;
  Image image(dir, "btrfs");
  if (!image.mounted()) GTEST_SKIP() << "cannot make and mount btrfs";
  const std::string sub = dir.path() + "/point/sub";
  ASSERT_EQ(std::system(("btrfs -q subvolume create " + sub).c_str()), 0);
  UniqueFd fd(::open(sub.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const uint64_t top = *Subvolume(image.root()), below = *Subvolume(fd.get());
  EXPECT_NE(top, 0u);
  EXPECT_NE(below, 0u);
  EXPECT_NE(top, below);
  auto plan = FaultPlan::Parse("linux6.1");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(*Subvolume(image.root()), top);
  EXPECT_EQ(*Subvolume(fd.get()), below);
}

TEST_P(StatTest, AccessIsThatOfTheThreadsFsIds) {
  UniqueFd file = dir_.Write("f", "");
  ASSERT_TRUE(Chmod(file.get(), 0640).ok());
  UniqueFd path = dir_.Open("f", O_PATH);
  EXPECT_TRUE(Access(dir_.fd(), "f", R_OK | W_OK).ok());
  EXPECT_TRUE(Access(path.get(), "", R_OK).ok());
  EXPECT_EQ(Access(dir_.fd(), "f", X_OK).error(), EACCES);
  EXPECT_EQ(Access(dir_.fd(), "none", F_OK).error(), ENOENT);
}

}  // namespace
}  // namespace plyfs::sys
