// MountFixture: a gtest fixture with fresh layers on a real filesystem and plyfs, or kernel overlayfs, over
// them.
//
//   class RenameTest : public plyfs::test::MountFixture {};
//   TEST_F(RenameTest, LeavesWhiteout) {  // R4
//     MakeLayers(2);
//     Write(Lower(0, "f"), "x");
//     ASSERT_TRUE(MountPlyfs("redirect_dir=off"));
//     ASSERT_EQ(rename(M("f").c_str(), M("g").c_str()), 0);
//     ASSERT_TRUE(Unmount());
//     EXPECT_TRUE(IsWhiteout(U("f")));
//   }
//
// One thread.  Tests are skipped when not root, without /dev/fuse, or (kernel) without overlayfs.  The
// program is PLYFS_BIN, else the one built beside the test.  TearDown unmounts, fails the test if the daemon
// did not end with status 0, and removes everything.
#ifndef PLYFS_TESTS_MOUNT_MOUNT_FIXTURE_H_
#define PLYFS_TESTS_MOUNT_MOUNT_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/mount/files.h"       // IWYU pragma: export
#include "tests/mount/live_mount.h"  // IWYU pragma: export

namespace plyfs::test {

// PLYFS_BIN, else the program built beside the tests.
std::string PlyfsProgram();

// Empty, or why real mounts cannot be tested here.
std::string WhyNoMounts();

// A fresh directory on a filesystem that can be an upper: below PLYFS_TEST_DIR, else /var/tmp (ext4 on the
// machines that matter; /tmp may be tmpfs).
std::string MakeTestDir();

class MountFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // `n` empty lowers, an upper, a workdir and a mountpoint; once a test, before mounting.
  void MakeLayers(size_t n);
  size_t layers() const { return plan_.lowers.size(); }

  const std::string& dir() const { return dir_; }
  // Absolute paths: in the i-th lower (0 is the topmost), the upper, the workdir, the mount.
  std::string Lower(size_t i, const std::string& path = "") const;
  std::string U(const std::string& path = "") const;
  std::string W(const std::string& path = "") const;
  std::string M(const std::string& path = "") const;

  // Mount the layers; options as after -o.  One mount at a time; after Unmount() again, by the same or the
  // other.  On failure the reason is in mount_error().
  ::testing::AssertionResult MountPlyfs(const std::string& options = "");
  ::testing::AssertionResult MountKernel(const std::string& options = "");
  ::testing::AssertionResult MountPlyfsReadOnly(const std::string& options = "");
  ::testing::AssertionResult Unmount();
  // kill -9 of the daemon; the mount is taken away.
  void KillPlyfs();

  LiveMount* mount() { return mount_.get(); }
  std::string daemon_log() const;

 private:
  ::testing::AssertionResult Adopt(std::unique_ptr<LiveMount> mount, const std::string& error);

  std::string dir_;
  MountPlan plan_;
  std::unique_ptr<LiveMount> mount_;
};

}  // namespace plyfs::test

#endif  // PLYFS_TESTS_MOUNT_MOUNT_FIXTURE_H_
