#include "engine/io/sys_open.h"

#include <linux/limits.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <string>

#include "engine/io/sys_dir.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

using OpenTest = OnEachFs;
PLYFS_ON_EACH_FS(OpenTest);

TEST_P(OpenTest, BeneathOpensWhatLiesBeneathAndNothingElse) {
  ASSERT_TRUE(MkdirAt(dir_.fd(), "d", 0755).ok());
  dir_.Write("d/f", "x");
  ASSERT_TRUE(SymlinkAt("d", dir_.fd(), "way").ok());
  ASSERT_TRUE(SymlinkAt("/etc/passwd", dir_.fd(), "out").ok());

  EXPECT_TRUE(OpenBeneath(dir_.fd(), "d/f", O_RDONLY).ok());
  EXPECT_EQ(OpenBeneath(dir_.fd(), "d/absent", O_RDONLY).error(), ENOENT);
  EXPECT_EQ(OpenBeneath(dir_.fd(), "d/f/under", O_PATH).error(), ENOTDIR);
  EXPECT_EQ(OpenBeneath(dir_.fd(), "way/f", O_RDONLY).error(), ELOOP);
  EXPECT_EQ(OpenBeneath(dir_.fd(), "out", O_RDONLY).error(), ELOOP);
  EXPECT_EQ(OpenBeneath(dir_.fd(), "../x", O_PATH).error(), EXDEV);
  EXPECT_EQ(OpenBeneath(dir_.fd(), "/etc/passwd", O_RDONLY).error(), EXDEV);
}

TEST_P(OpenTest, BeneathTakesPathsOfAnyLength) {
  const std::string name(250, 'd');
  std::string path;
  UniqueFd at = *Dup(dir_.fd());
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(MkdirAt(at.get(), name.c_str(), 0755).ok());
    at = *OpenBeneath(at.get(), name.c_str(), O_PATH | O_DIRECTORY);
    path += name + "/";
  }
  ASSERT_TRUE(MknodAt(at.get(), "f", S_IFREG | 0600, 0).ok());
  ASSERT_TRUE(SymlinkAt("f", at.get(), "link").ok());
  EXPECT_TRUE(OpenBeneath(dir_.fd(), (path + "f").c_str(), O_RDONLY).ok());
  EXPECT_EQ(OpenBeneath(dir_.fd(), (path + "absent").c_str(), O_RDONLY).error(), ENOENT);
  EXPECT_EQ(OpenBeneath(dir_.fd(), (path + "link").c_str(), O_RDONLY).error(), ELOOP);
  EXPECT_EQ(OpenBeneath(dir_.fd(), ("/" + path + "f").c_str(), O_RDONLY).error(), EXDEV);
  EXPECT_EQ(OpenBeneath(dir_.fd(), std::string(5000, 'n').c_str(), O_RDONLY).error(), ENAMETOOLONG);
  // One byte less than the kernel takes, that, and one more.
  for (size_t size : {PATH_MAX - 1, PATH_MAX, PATH_MAX + 1}) {
    std::string exact = path.substr(0, 2510);
    while (exact.size() + 2 < size) exact += "./";
    exact.resize(size - 1, '/');
    EXPECT_TRUE(OpenBeneath(dir_.fd(), (exact + ".").c_str(), O_PATH).ok()) << size;
  }
}

TEST_P(OpenTest, PathDescriptorOfASymlinkIsTheSymlink) {
  ASSERT_TRUE(SymlinkAt("nowhere", dir_.fd(), "l").ok());
  auto link = OpenBeneath(dir_.fd(), "l", O_PATH);
  ASSERT_TRUE(link.ok());
  EXPECT_TRUE(S_ISLNK(StatxFd(link->get())->stx_mode));
  EXPECT_EQ(*ReadLinkAt(link->get(), ""), "nowhere");
  EXPECT_EQ(Reopen(link->get(), O_RDONLY).error(), ELOOP);
}

TEST_P(OpenTest, EveryDescriptorIsCloseOnExec) {
  UniqueFd file = dir_.Write("f", "x");
  auto again = Reopen(file.get(), O_RDONLY);
  auto twin = Dup(file.get());
  ASSERT_TRUE(again.ok() && twin.ok());
  for (int fd : {file.get(), again->get(), twin->get()}) EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST_P(OpenTest, ReopenGivesDataToAPathDescriptorEvenOfAnUnlinkedFile) {
  dir_.Write("f", "data");
  UniqueFd path = dir_.Open("f", O_PATH);
  ASSERT_TRUE(UnlinkAt(dir_.fd(), "f").ok());
  auto real = Reopen(path.get(), O_RDONLY);
  ASSERT_TRUE(real.ok());
  char buffer[8];
  EXPECT_EQ(*Pread(real->get(), buffer, sizeof buffer, 0), 4u);
}

TEST_P(OpenTest, NamelessFileCanBeMadeAndLinked) {
  auto file = OpenAt2(dir_.fd(), ".", O_TMPFILE | O_RDWR, 0600, kBeneath);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(StatxFd(file->get())->stx_mode & 07777, 0600);
  ASSERT_TRUE(LinkFd(file->get(), dir_.fd(), "named").ok());
  EXPECT_EQ(LinkFd(file->get(), dir_.fd(), "named").error(), EEXIST);
  EXPECT_EQ(Statx(dir_.fd(), "named")->stx_ino, StatxFd(file->get())->stx_ino);
}

// Needs CAP_SYS_ADMIN, as the tests of this project do.
TEST_P(OpenTest, SubmountIsExdevAndACloneSeesWhatItCovers) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  ASSERT_TRUE(MkdirAt(dir_.fd(), "m", 0755).ok());
  dir_.Write("m/covered", "x");
  std::string point = dir_.path() + "/m";
  if (::mount("none", point.c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(OpenBeneath(dir_.fd(), "m/covered", O_PATH).error(), EXDEV);
  EXPECT_EQ(OpenBeneath(dir_.fd(), "m", O_PATH).error(), EXDEV);
  auto clone = OpenTreeClone(dir_.fd());
  EXPECT_EQ(clone.error(), 0);
  if (clone.ok()) {
    EXPECT_EQ(OpenBeneath(clone->get(), "m/covered", O_PATH).error(), 0);
  }
  EXPECT_EQ(::umount2(point.c_str(), MNT_DETACH), 0);
}

TEST_P(OpenTest, WhatIsMountedLaterIsNotInAClone) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  const std::string top = dir_.path();
  if (::mount("none", top.c_str(), "tmpfs", 0, nullptr) != 0) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(::mount(nullptr, top.c_str(), nullptr, MS_SHARED, nullptr), 0);
  EXPECT_EQ(::mkdir((top + "/m").c_str(), 0755), 0);
  UniqueFd fd(::open(top.c_str(), O_PATH | O_CLOEXEC));
  auto clone = OpenTreeClone(fd.get());
  EXPECT_EQ(clone.error(), 0);
  EXPECT_EQ(::mount("none", (top + "/m").c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(OpenBeneath(fd.get(), "m", O_PATH).error(), EXDEV);
  if (clone.ok()) {
    EXPECT_EQ(OpenBeneath(clone->get(), "m", O_PATH).error(), 0);
  }
  EXPECT_EQ(::umount2(top.c_str(), MNT_DETACH), 0);
}

TEST(UniqueFdTest, ClosesOnceAndMoves) {
  int raw = ::open("/", O_PATH | O_CLOEXEC);
  UniqueFd a(raw);
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a.valid());  // NOLINT: a moved-from UniqueFd is empty by contract
  EXPECT_EQ(b.get(), raw);
  b = UniqueFd();
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
  errno = ENOTEMPTY;
  UniqueFd(::open("/", O_PATH | O_CLOEXEC)).reset();
  EXPECT_EQ(errno, ENOTEMPTY);
}

}  // namespace
}  // namespace plyfs::sys
