#include "tools/plyfs/remount.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

namespace plyfs::tool {
namespace {

constexpr char kInfo[] =
    "22 28 0:21 / /proc rw,nosuid - proc proc rw\n"
    "60 28 0:50 / /mnt/a\\040b rw,nodev,relatime shared:4 - fuse.plyfs plyfs rw,user_id=0,group_id=0\n"
    "61 28 0:51 / /m rw - ext4 /dev/x rw\n"
    "62 28 0:52 / /m rw,noexec - fuse.plyfs plyfs ro,sync,user_id=0\n";

TEST(FindMount, TopmostWithItsFlags) {
  std::optional<LiveMount> m = FindMount(kInfo, "/m");
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->type, "fuse.plyfs");
  EXPECT_EQ(m->flags.set, static_cast<unsigned long>(MS_NOEXEC | MS_RDONLY | MS_SYNCHRONOUS));
}

TEST(FindMount, OddNamesAndNone) {
  std::optional<LiveMount> m = FindMount(kInfo, "/mnt/a b");
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->flags.set, static_cast<unsigned long>(MS_NODEV | MS_RELATIME));
  EXPECT_FALSE(FindMount(kInfo, "/mnt").has_value());
  EXPECT_FALSE(FindMount("", "/mnt").has_value());
  EXPECT_FALSE(FindMount("torn line\n60 28", "28").has_value());
}

}  // namespace
}  // namespace plyfs::tool
