#include "engine/io/sys_handle.h"

#include <string>

#include "engine/io/fault.h"
#include "engine/io/image_for_test.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

using HandleTest = OnEachFs;
PLYFS_ON_EACH_FS(HandleTest);

TEST_P(HandleTest, ADescriptorsObjectIsFoundAgainByItsHandleAfterARename) {
  dir_.Write("f", "x");
  UniqueFd path = dir_.Open("f", O_PATH);
  auto handle = NameToHandleAt(path.get());
  ASSERT_TRUE(handle.ok());
  ASSERT_TRUE(RenameAt2(dir_.fd(), "f", dir_.fd(), "g").ok());
  auto again = OpenByHandleAt(dir_.fd(), *handle, O_PATH);
  if (again.error() == EPERM) GTEST_SKIP() << "needs CAP_DAC_READ_SEARCH";
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(StatxFd(again->get())->stx_ino, Statx(dir_.fd(), "g")->stx_ino);
  EXPECT_EQ(*NameToHandleAt(again->get()), *handle);
}

TEST_P(HandleTest, ARemovedObjectIsStale) {
  dir_.Write("f", "x").reset();
  FileHandle handle;
  {
    UniqueFd path = dir_.Open("f", O_PATH);
    handle = *NameToHandleAt(path.get());
  }
  ASSERT_TRUE(UnlinkAt(dir_.fd(), "f").ok());
  auto gone = OpenByHandleAt(dir_.fd(), handle, O_PATH);
  if (gone.error() == EPERM) GTEST_SKIP() << "needs CAP_DAC_READ_SEARCH";
  EXPECT_EQ(gone.error(), ESTALE);
  EXPECT_EQ(OpenByHandleAt(dir_.fd(), {1, std::string(500, 'x')}, O_PATH).error(), EINVAL);
}

TEST_P(HandleTest, FilesystemUuidIsOneForAllDescriptorsOfTheFilesystem) {
  dir_.Write("f", "x");
  UniqueFd path = dir_.Open("f", O_PATH);
  auto by_dir = FilesystemUuid(dir_.fd());
  if (by_dir.error() == ENOTTY) GTEST_SKIP() << "this kernel does not tell";
  ASSERT_EQ(by_dir.error(), 0);
  EXPECT_EQ(*FilesystemUuid(path.get()), *by_dir);
}

class UuidTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Type, UuidTest, ::testing::Values("ext4", "xfs", "btrfs"));

TEST_P(UuidTest, IsThatOfTheSuperblockAndTheSameOnLinux61) {
  TempDir dir;
  Image image(dir, GetParam());
  if (!image.mounted()) GTEST_SKIP() << "cannot make and mount " << GetParam();
  auto now = FilesystemUuid(image.root());
  ASSERT_EQ(now.error(), 0);
  EXPECT_NE(*now, FsId{});
  auto plan = FaultPlan::Parse("linux6.1");
  ScopedFaults faults(plan->get());
  auto then = FilesystemUuid(image.root());
  ASSERT_EQ(then.error(), 0);
  EXPECT_EQ(*then, *now);
}

TEST(TmpfsUuidTest, IsUnknownOnLinux61) {
  TempDir dir("/dev/shm");
  auto plan = FaultPlan::Parse("linux6.1");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(FilesystemUuid(dir.fd()).error(), ENOTTY);
}

}  // namespace
}  // namespace plyfs::sys
