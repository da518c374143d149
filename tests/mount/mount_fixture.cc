#include "tests/mount/mount_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace plyfs::test {
namespace {

std::string Below(const std::string& root, const std::string& path) {
  return path.empty() ? root : root + "/" + path;
}

}  // namespace

std::string PlyfsProgram() {
  const char* program = getenv("PLYFS_BIN");
  return program != nullptr && *program != '\0' ? program : PLYFS_DEFAULT_BIN;
}

std::string WhyNoMounts() {
  if (geteuid() != 0) return "real mounts need root";
  if (access("/dev/fuse", R_OK | W_OK) != 0) return "no /dev/fuse";
  return "";
}

std::string MakeTestDir() {
  const char* base = getenv("PLYFS_TEST_DIR");
  std::string path = std::string(base != nullptr ? base : "/var/tmp") + "/plyfs-test-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    ADD_FAILURE() << path << ": " << strerror(errno);
    return "";
  }
  // Tests that act as another user must get to the mount.
  if (chmod(path.c_str(), 0755) < 0) ADD_FAILURE() << path << ": " << strerror(errno);
  return path;
}

void MountFixture::SetUp() {
  std::string why = WhyNoMounts();
  if (!why.empty()) GTEST_SKIP() << why;
  dir_ = MakeTestDir();
  ASSERT_FALSE(dir_.empty());
}

void MountFixture::TearDown() {
  if (mount_ != nullptr) {
    EXPECT_TRUE(Unmount());
  }
  if (!dir_.empty()) {
    EXPECT_EQ(RemoveTree(dir_), 0) << dir_;
  }
}

void MountFixture::MakeLayers(size_t n) {
  ASSERT_TRUE(plan_.lowers.empty()) << "MakeLayers is called once a test";
  for (size_t i = 0; i < n; ++i) plan_.lowers.push_back(dir_ + "/l" + std::to_string(i));
  plan_.upper = dir_ + "/u";
  plan_.work = dir_ + "/w";
  plan_.mountpoint = dir_ + "/m";
  for (const std::string& lower : plan_.lowers) ASSERT_EQ(MakeDir(lower), 0);
  for (const std::string& path : {plan_.upper, plan_.work, plan_.mountpoint}) ASSERT_EQ(MakeDir(path), 0);
}

std::string MountFixture::Lower(size_t i, const std::string& path) const {
  return Below(plan_.lowers.at(i), path);
}
std::string MountFixture::U(const std::string& path) const {
  return Below(plan_.upper, path);
}
std::string MountFixture::W(const std::string& path) const {
  return Below(plan_.work, path);
}
std::string MountFixture::M(const std::string& path) const {
  return Below(plan_.mountpoint, path);
}

::testing::AssertionResult MountFixture::MountPlyfs(const std::string& options) {
  plan_.options = options;
  std::string error;
  return Adopt(LiveMount::Program(PlyfsProgram(), plan_, dir_ + "/log", &error), error);
}

::testing::AssertionResult MountFixture::MountPlyfsReadOnly(const std::string& options) {
  MountPlan plan = plan_;
  plan.upper.clear();
  plan.work.clear();
  plan.options = options;
  std::string error;
  return Adopt(LiveMount::Program(PlyfsProgram(), plan, dir_ + "/log", &error), error);
}

::testing::AssertionResult MountFixture::MountKernel(const std::string& options) {
  plan_.options = options;
  std::string error;
  return Adopt(LiveMount::Kernel(plan_, &error), error);
}

::testing::AssertionResult MountFixture::Adopt(std::unique_ptr<LiveMount> mount, const std::string& error) {
  if (mount == nullptr) return ::testing::AssertionFailure() << error;
  if (mount_ != nullptr) return ::testing::AssertionFailure() << "already mounted";
  mount_ = std::move(mount);
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult MountFixture::Unmount() {
  if (mount_ == nullptr) return ::testing::AssertionFailure() << "not mounted";
  std::string error;
  bool clean = mount_->Unmount(&error);
  mount_.reset();
  if (clean) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << error;
}

void MountFixture::KillPlyfs() {
  ASSERT_NE(mount_, nullptr);
  ASSERT_NE(mount_->daemon(), 0) << "kernel overlayfs has no daemon to kill";
  mount_->Kill();
  mount_.reset();
}

std::string MountFixture::daemon_log() const {
  return Exists(dir_ + "/log") ? Read(dir_ + "/log") : "";
}

}  // namespace plyfs::test
