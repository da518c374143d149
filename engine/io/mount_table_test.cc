#include "engine/io/mount_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/io/proc_file.h"
#include "engine/io/temp_dir_for_test.h"
#include "engine/io/unique_fd.h"

namespace plyfs {
namespace {

TEST(MountTableTest, LinesInOrderWithoutTornOnes) {
  std::vector<MountLine> lines = ParseMountTable(
      "60 28 0:50 / /mnt/a\\040b rw,nodev shared:4 master:1 - fuse.plyfs my\\040fs rw,user_id=0\n"
      "torn line\n61 28 0:51 / /m rw - ext4\n"
      "62 28 0:52 / /m ro - overlay none rw,upperdir=/a\\134\\040b\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].point, "/mnt/a b");
  EXPECT_EQ(lines[0].options, "rw,nodev");
  EXPECT_EQ(lines[0].type, "fuse.plyfs");
  EXPECT_EQ(lines[0].source, "my fs");
  EXPECT_EQ(lines[0].super_options, "rw,user_id=0");
  EXPECT_EQ(lines[1].super_options, "rw,upperdir=/a\\134\\040b") << "escapes stay: they hide separators";
  EXPECT_EQ(UnescapeOctal("/a\\134\\040b\\9\\04"), "/a\\ b\\9\\04");
  for (const char* plain : {"\\/40x", "\\0/0x", "\\09x0", "\\04:x"}) EXPECT_EQ(UnescapeOctal(plain), plain);
}

TEST(MountTableTest, TheRootIsMounted) {
  bool found = false;
  for (const MountLine& line : ReadMountTable()) found = found || line.point == "/";
  EXPECT_TRUE(found);
}

TEST(ProcFileTest, WhatCannotBeReadIsEmpty) {
  EXPECT_EQ(ReadProcFile("/proc/none"), "");
  EXPECT_EQ(ReadProcFile("/proc/self"), "");  // a directory
  EXPECT_NE(ReadProcFile("/proc/self/status"), "");
}

TEST(FlockHolderTest, ByTheTextOfProc) {
  constexpr char kLocks[] =
      "1: POSIX  ADVISORY  WRITE 11 08:01:99 0 EOF\n"
      "2: FLOCK  ADVISORY  READ  12 08:01:99 0 EOF\n"
      "3: FLOCK  ADVISORY  WRITE 13 08:01:98 0 EOF\n"
      "4: FLOCK  ADVISORY  WRITE 14 fd:1f:99 0 EOF\n"
      "4: -> FLOCK  ADVISORY  WRITE 15 08:01:99 0 EOF\n"
      "5: FLOCK  ADVISORY  WRITE -1 08:01:99 0 EOF\n"
      "6: FLOCK  ADVISORY  WRITE 16 08:01:99 0 EOF\n";
  EXPECT_EQ(FlockHolderIn(kLocks, makedev(8, 1), 99), 16);
  EXPECT_EQ(FlockHolderIn(kLocks, makedev(0xfd, 0x1f), 99), 14);
  EXPECT_EQ(FlockHolderIn(kLocks, makedev(8, 2), 99), 0);
}

TEST(FlockHolderTest, FindsOurselves) {
  TempDir dir;
  UniqueFd fd(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
  struct stat st;
  ASSERT_EQ(::fstat(fd.get(), &st), 0);
  EXPECT_EQ(FlockHolder(st.st_dev, st.st_ino), 0);
  ASSERT_EQ(::flock(fd.get(), LOCK_EX), 0);
  EXPECT_EQ(FlockHolder(st.st_dev, st.st_ino), ::getpid());
}

}  // namespace
}  // namespace plyfs
