#include "engine/io/sys_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "engine/io/fault.h"
#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_limits.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

using FileTest = OnEachFs;
PLYFS_ON_EACH_FS(FileTest);

TEST_P(FileTest, ReadIsShortOnlyAtTheEnd) {
  UniqueFd file = dir_.Write("f", "0123456789");
  char buffer[32];
  EXPECT_EQ(*Pread(file.get(), buffer, sizeof buffer, 4), 6u);
  EXPECT_EQ(std::string_view(buffer, 6), "456789");
  EXPECT_EQ(*Pread(file.get(), buffer, sizeof buffer, 10), 0u);
  EXPECT_EQ(Pread(dir_.fd(), buffer, sizeof buffer, 0).error(), EISDIR);
}

TEST_P(FileTest, WriteStoppedByTheSizeLimitIsShortThenFails) {
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
  UniqueFd file = dir_.Write("f", "");
  std::string data(10000, 'x');
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  auto first = Pwrite(file.get(), data.data(), data.size(), 0);
  auto second = Pwrite(file.get(), data.data(), data.size(), 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(*first, 4096u);
  EXPECT_EQ(second.error(), EFBIG);
}

// A call that moves less than it was asked for is followed by another.
TEST_P(FileTest, ShortReadsAndWritesLoseNothing) {
  auto plan = *FaultPlan::Parse("read=short,write=short,copy_file_range=short");
  ScopedFaults faults(plan.get());
  UniqueFd file = dir_.Open("f", O_RDWR | O_CREAT);
  EXPECT_EQ(*Pwrite(file.get(), "0123456789", 10, 0), 10u);
  char buffer[32];
  EXPECT_EQ(*Pread(file.get(), buffer, 10, 0), 10u);
  EXPECT_EQ(std::string_view(buffer, 10), "0123456789");
  UniqueFd to = dir_.Open("to", O_RDWR | O_CREAT);
  EXPECT_EQ(*CopyFileRange(file.get(), 0, to.get(), 0, 10), 5u);
}

TEST_P(FileTest, SizesHolesAndSync) {
  UniqueFd file = dir_.Write("f", "x");
  ASSERT_TRUE(Ftruncate(file.get(), 1 << 20).ok());
  EXPECT_EQ(*Lseek(file.get(), 0, SEEK_HOLE), 4096u);
  EXPECT_EQ(Lseek(file.get(), 8192, SEEK_DATA).error(), ENXIO);
  ASSERT_TRUE(Fallocate(file.get(), 0, 0, 2 << 20).ok());
  EXPECT_EQ(StatxFd(file.get())->stx_size, 2u << 20);
  EXPECT_EQ(Ftruncate(file.get(), UINT64_MAX).error(), EINVAL);
  EXPECT_TRUE(Fsync(file.get()).ok());
  EXPECT_TRUE(Fdatasync(file.get()).ok());
  EXPECT_EQ(SyncFs(-1).error(), EBADF);
}

TEST_P(FileTest, CopyFileRangeWithinTheFilesystem) {
  UniqueFd from = dir_.Write("from", "0123456789");
  UniqueFd to = dir_.Write("to", "");
  EXPECT_EQ(*CopyFileRange(from.get(), 3, to.get(), 1, 4), 4u);
  EXPECT_EQ(dir_.Read("to"), std::string("\0"
                                         "3456",
                                         5));
  EXPECT_EQ(*CopyFileRange(from.get(), 10, to.get(), 0, 4), 0u);
}

TEST_P(FileTest, CloneIsDoneOrRefusedAsACopyCanTell) {
  UniqueFd from = dir_.Write("from", "data");
  UniqueFd to = dir_.Write("to", "");
  Status status = FiClone(from.get(), to.get());
  // Neither ext4 nor tmpfs shares blocks; another filesystem under /tmp may.
  if (status.ok()) {
    EXPECT_EQ(dir_.Read("to"), "data");
  } else {
    EXPECT_TRUE(status.error() == EOPNOTSUPP || status.error() == ENOTTY) << status.error();
  }
}

TEST_P(FileTest, ImmutableFlagByBothCalls) {
  if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
  UniqueFd file = dir_.Write("f", "");
  auto flags = GetFlags(file.get());
  if (flags.error() == ENOTTY) GTEST_SKIP() << "no inode flags here";
  ASSERT_TRUE(SetFlags(file.get(), *flags | FS_APPEND_FL).ok());
  EXPECT_NE(*GetFlags(file.get()) & FS_APPEND_FL, 0);
  auto attributes = GetFsxattr(file.get());
  ASSERT_TRUE(attributes.ok());
  EXPECT_NE(attributes->fsx_xflags & FS_XFLAG_APPEND, 0u);
  attributes->fsx_xflags &= ~static_cast<uint32_t>(FS_XFLAG_APPEND);
  ASSERT_TRUE(SetFsxattr(file.get(), *attributes).ok());
  EXPECT_EQ(*GetFlags(file.get()) & FS_APPEND_FL, 0);
}

TEST_P(FileTest, FailureAfterAPartIsAShortCount) {
  UniqueFd file = dir_.Write("f", "");
  auto plan = FaultPlan::Parse("write@1=EIO");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(Pwrite(file.get(), "abc", 3, 0).error(), EIO);
  EXPECT_EQ(*Pwrite(file.get(), "abc", 3, 0), 3u);
}

TEST(LimitsTest, DescriptorLimitIsTheHardOne) {
  struct rlimit before, after;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit low = {.rlim_cur = 200, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(*RaiseDescriptorLimit(), before.rlim_max);
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(LimitsTest, TheLimitIsWhatItIsNow) {
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit low = {.rlim_cur = 200, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(DescriptorLimit(), 200u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(DescriptorLimit(), before.rlim_cur);
}

// The kernel's table of descriptors, as proc shows it.
TEST(LimitsTest, ReservedDescriptorsAreRoomAndNotOpen) {
  auto table = [] {
    std::ifstream status("/proc/self/status");
    std::string word;
    uint64_t size = 0;
    while (status >> word && word != "FDSize:") {
    }
    status >> size;
    return size;
  };
  UniqueFd before(::dup(STDERR_FILENO));
  ReserveDescriptors(700);
  EXPECT_GE(table(), 700u);
  UniqueFd next(::dup(STDERR_FILENO));
  EXPECT_EQ(next.get(), before.get() + 1);
  EXPECT_EQ(::fcntl(699, F_GETFD), -1);
}

}  // namespace
}  // namespace plyfs::sys
