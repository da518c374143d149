#include "engine/io/sys_dir.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <map>
#include <set>

#include "engine/io/fault.h"
#include "engine/io/sys_stat.h"
#include "engine/io/temp_dir_for_test.h"

namespace plyfs::sys {
namespace {

using DirTest = OnEachFs;
PLYFS_ON_EACH_FS(DirTest);

TEST_P(DirTest, ReaderGivesEveryNameOnceWithTypeAndNumberButNoDots) {
  constexpr int kFiles = 3000;  // more than one buffer
  for (int i = 0; i < kFiles; ++i) dir_.Write("file-with-a-long-name-" + std::to_string(i), "");
  ASSERT_TRUE(MkdirAt(dir_.fd(), "sub", 0755).ok());
  ASSERT_TRUE(SymlinkAt("x", dir_.fd(), "link").ok());

  DirReader reader(dir_.fd());
  std::map<std::string, std::pair<uint64_t, uint8_t>> seen;
  for (;;) {
    auto entry = reader.Next();
    ASSERT_TRUE(entry.ok());
    if (*entry == nullptr) break;
    EXPECT_TRUE(seen.emplace((*entry)->name, std::pair((*entry)->ino, (*entry)->type)).second);
  }
  EXPECT_EQ(seen.size(), kFiles + 2u);
  EXPECT_EQ(seen["sub"].second, DT_DIR);
  EXPECT_EQ(seen["link"].second, DT_LNK);
  EXPECT_EQ(seen["file-with-a-long-name-17"].second, DT_REG);
  EXPECT_EQ(seen["sub"].first, Statx(dir_.fd(), "sub")->stx_ino);
}

TEST_P(DirTest, ReaderGoesOnAfterAnEntryAndFromTheStart) {
  for (int i = 0; i < 10; ++i) dir_.Write("f" + std::to_string(i), "");
  DirReader reader(dir_.fd());
  std::set<std::string> head, tail;
  int64_t offset = 0;
  for (int i = 0; i < 4; ++i) {
    auto entry = reader.Next();
    head.emplace((*entry)->name);
    offset = (*entry)->next_offset;
  }
  ASSERT_TRUE(reader.Rewind(offset).ok());
  for (auto entry = reader.Next(); *entry != nullptr; entry = reader.Next()) {
    EXPECT_FALSE(head.contains(std::string((*entry)->name)));
    tail.emplace((*entry)->name);
  }
  EXPECT_EQ(head.size() + tail.size(), 10u);
  ASSERT_TRUE(reader.Rewind().ok());
  EXPECT_NE(*reader.Next(), nullptr);
}

TEST_P(DirTest, ReaderKeepsTheErrno) {
  UniqueFd file = dir_.Write("f", "");
  EXPECT_EQ(DirReader(file.get()).Next().error(), ENOTDIR);
}

TEST_P(DirTest, MakesEveryKindOfObject) {
  EXPECT_TRUE(MkdirAt(dir_.fd(), "d", 0700).ok());
  EXPECT_EQ(MkdirAt(dir_.fd(), "d", 0700).error(), EEXIST);
  EXPECT_TRUE(MknodAt(dir_.fd(), "p", S_IFIFO | 0600, 0).ok());
  EXPECT_TRUE(MknodAt(dir_.fd(), "w", S_IFCHR, makedev(0, 0)).ok());
  auto whiteout = Statx(dir_.fd(), "w");
  EXPECT_TRUE(S_ISCHR(whiteout->stx_mode));
  EXPECT_EQ(makedev(whiteout->stx_rdev_major, whiteout->stx_rdev_minor), 0u);
  EXPECT_TRUE(SymlinkAt("target", dir_.fd(), "l").ok());
  EXPECT_EQ(*ReadLinkAt(dir_.fd(), "l"), "target");
  EXPECT_EQ(ReadLinkAt(dir_.fd(), "d").error(), EINVAL);
}

TEST_P(DirTest, LinkOfASymlinkIsTheSymlink) {
  ASSERT_TRUE(SymlinkAt("target", dir_.fd(), "l").ok());
  ASSERT_TRUE(LinkAt(dir_.fd(), "l", dir_.fd(), "l2").ok());
  EXPECT_EQ(*ReadLinkAt(dir_.fd(), "l2"), "target");
  UniqueFd link = dir_.Open("l", O_PATH);
  ASSERT_TRUE(LinkFd(link.get(), dir_.fd(), "l3").ok());
  EXPECT_EQ(*ReadLinkAt(dir_.fd(), "l3"), "target");
}

TEST_P(DirTest, RenameWithAndWithoutReplacing) {
  dir_.Write("a", "A");
  dir_.Write("b", "B");
  EXPECT_EQ(RenameAt2(dir_.fd(), "a", dir_.fd(), "b", RENAME_NOREPLACE).error(), EEXIST);
  EXPECT_TRUE(RenameAt2(dir_.fd(), "a", dir_.fd(), "b", RENAME_EXCHANGE).ok());
  EXPECT_EQ(dir_.Read("a"), "B");
  EXPECT_TRUE(RenameAt2(dir_.fd(), "a", dir_.fd(), "b", RENAME_WHITEOUT).ok());
  EXPECT_EQ(dir_.Read("b"), "B");
  EXPECT_TRUE(S_ISCHR(Statx(dir_.fd(), "a")->stx_mode));
}

TEST_P(DirTest, UnlinkTellsFilesFromDirectories) {
  ASSERT_TRUE(MkdirAt(dir_.fd(), "d", 0755).ok());
  dir_.Write("d/f", "");
  EXPECT_EQ(UnlinkAt(dir_.fd(), "d").error(), EISDIR);
  EXPECT_EQ(UnlinkAt(dir_.fd(), "d", AT_REMOVEDIR).error(), ENOTEMPTY);
  UniqueFd d = dir_.Open("d", O_PATH);
  EXPECT_TRUE(UnlinkAt(d.get(), "f").ok());
  EXPECT_TRUE(UnlinkAt(dir_.fd(), "d", AT_REMOVEDIR).ok());
  EXPECT_EQ(Statx(dir_.fd(), "d").error(), ENOENT);
}

TEST_P(DirTest, InjectedFaultHappensInsteadOfTheCall) {
  dir_.Write("a", "A");
  auto plan = FaultPlan::Parse("rename=ENOSPC");
  ASSERT_TRUE(plan.ok());
  {
    ScopedFaults faults(plan->get());
    EXPECT_EQ(RenameAt2(dir_.fd(), "a", dir_.fd(), "b").error(), ENOSPC);
  }
  EXPECT_EQ(dir_.Read("a"), "A");
  EXPECT_TRUE(RenameAt2(dir_.fd(), "a", dir_.fd(), "b").ok());
}

}  // namespace
}  // namespace plyfs::sys
