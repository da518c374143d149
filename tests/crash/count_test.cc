#include "tests/crash/count.h"

#include <gtest/gtest.h>

namespace plyfs::crash {
namespace {

std::string Kind(const std::string& line) {
  return ChangeInStrace(line, "/r");
}

TEST(CountTest, WhatWasMadeIsAChange) {
  EXPECT_EQ(Kind(R"(mkdirat(7</w>, "work", 000) = 0)"), "mkdir");
  EXPECT_EQ(Kind(R"(openat2(7</u>, "f", {flags=O_RDWR|O_CREAT, mode=0644}, 24) = 9</u/f>)"), "create");
  EXPECT_EQ(Kind(R"(ioctl(9</u/f>, FS_IOC_SETFLAGS, [0]) = 0)"), "setflags");
  EXPECT_EQ(Kind(R"(pwrite64(9</u/f>, "abc", 3, 0) = 3)"), "write");
  EXPECT_EQ(Kind("syscall_0x1cf(0x8, 0x7f, 0, 0x7f, 0x7f, 0x10) = 0"), "setxattr");
}

TEST(CountTest, WhatWasRefusedOrLooksIsNone) {
  EXPECT_EQ(Kind(R"(mkdirat(7</w>, "work", 000) = -1 EEXIST (File exists))"), "");
  EXPECT_EQ(Kind(R"(openat2(7</u>, "f", {flags=O_PATH, mode=0}, 24) = 9</u/f>)"), "");
  EXPECT_EQ(Kind(R"(ioctl(9</u/f>, FS_IOC_GETFLAGS, [0]) = 0)"), "");
  EXPECT_EQ(Kind(R"(statx(9</u/f>, "", AT_EMPTY_PATH, STATX_ALL, {stx_mask=0}) = 0)"), "");
  EXPECT_EQ(Kind("+++ exited with 0 +++"), "");
}

TEST(CountTest, WhatIsWrittenElsewhereIsNone) {
  EXPECT_EQ(Kind(R"(writev(5</dev/fuse>, [{iov_base="", iov_len=16}], 1) = 16)"), "");
  EXPECT_EQ(Kind(R"(write(2</r/log>, "plyfs: c", 24) = 24)"), "");
  EXPECT_EQ(Kind(R"(write(6<anon_inode:[eventfd]>, "\1\0\0\0", 8) = 8)"), "");
  EXPECT_EQ(Kind(R"(write(5</43/abort>, "1", 1) = 1)"), "");
  // What a coverage build counts in.
  EXPECT_EQ(Kind(R"(open("/b/profiles/mounts/1_0.profraw", O_RDWR|O_CREAT, 0666) = 9</b/1_0.profraw>)"), "");
}

}  // namespace
}  // namespace plyfs::crash
