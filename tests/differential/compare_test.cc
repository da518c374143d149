// The judge: what it finds, what it lets pass, and that each mask covers its rule and nothing beside it.
#include "tests/differential/compare.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace plyfs::diff {
namespace {

constexpr int64_t kStart = 2000000000;

Sight File(uint64_t ino) {
  Sight sight;
  sight.subject = "f";
  sight.stx.stx_mode = S_IFREG | 0644;
  sight.stx.stx_nlink = 1;
  sight.stx.stx_ino = ino;
  sight.stx.stx_size = 10;
  sight.stx.stx_mtime.tv_sec = 1000;
  sight.stx.stx_atime.tv_sec = 1000;
  return sight;
}

class CompareTest : public ::testing::Test {
 protected:
  std::string Kind(const Step& step, const Outcome& kernel, const Outcome& ply) {
    bool part = false;
    auto d = comparer_.CompareOutcomes(step, kernel, ply, &part);
    return d ? d->kind.substr(0, d->kind.find(" of ")) : part ? "part" : "";
  }
  // The kind found after `change` to what plyfs answered to a stat.
  std::string KindAfter(const std::function<void(Sight*)>& change) {
    Outcome kernel, ply;
    kernel.after.push_back(File(1));
    ply.after.push_back(File(101));
    change(&ply.after[0]);
    return Kind(Step{}, kernel, ply);
  }

  Masks masks_;
  Comparer comparer_{&masks_, kStart};
};

TEST_F(CompareTest, EveryFieldCounts) {
  EXPECT_EQ(KindAfter([](Sight*) {}), "");
  EXPECT_EQ(KindAfter([](Sight* s) { s->error = ENOENT; }), "lookup");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_mode ^= S_ISUID; }), "mode");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_uid = 1; }), "uid");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_gid = 1; }), "gid");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_size = 1; }), "size");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_nlink = 2; }), "nlink");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_rdev_minor = 1; }), "rdev minor");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_blksize = 1; }), "blksize");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_mtime.tv_nsec = 1; }), "mtime");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_mtime.tv_sec = kStart; }), "mtime");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_atime.tv_sec = kStart; }), "atime");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_ino = 102; }), "inode number");
  EXPECT_EQ(KindAfter([](Sight* s) { s->stx.stx_blocks = 9; }), "");  // the issue's own list
  EXPECT_TRUE(masks_.counts().empty());
}

TEST_F(CompareTest, TimesOfTheRunByChangeNotValue) {
  Outcome kernel, ply;
  kernel.before = kernel.after = {File(1)};
  ply.before = ply.after = {File(101)};
  kernel.after[0].stx.stx_mtime.tv_sec = kStart + 5;
  ply.after[0].stx.stx_mtime.tv_sec = kStart + 9;
  EXPECT_EQ(Kind(Step{}, kernel, ply), "");
  ply.before[0].stx.stx_mtime = ply.after[0].stx.stx_mtime;
  EXPECT_EQ(Kind(Step{}, kernel, ply), "mtime moved");
  ply.before = kernel.before;
  ply.after[0].stx.stx_ctime.tv_sec = kStart;
  ply.before[0].stx.stx_ino = 101;
  EXPECT_EQ(Kind(Step{}, kernel, ply), "ctime moved");
}

TEST_F(CompareTest, OrderOfModification) {
  Snapshot kernel, ply;
  const auto put = [](Snapshot* tree, const char* name, uint64_t ino, int64_t mtime) {
    (*tree)[name].sight = File(ino);
    (*tree)[name].d_ino = ino;
    (*tree)[name].d_type = S_IFREG >> 12;
    (*tree)[name].sight.stx.stx_mtime.tv_sec = mtime;
  };
  put(&kernel, "a", 1, kStart + 1), put(&kernel, "b", 2, kStart + 2);
  put(&ply, "a", 11, kStart + 7), put(&ply, "b", 12, kStart + 8);
  EXPECT_FALSE(comparer_.CompareTrees(kernel, ply, ""));
  ply["a"].sight.stx.stx_mtime.tv_sec = kStart + 9;
  auto d = comparer_.CompareTrees(kernel, ply, "");
  ASSERT_TRUE(d);
  EXPECT_EQ(d->kind, "order of mtimes");
}

TEST_F(CompareTest, NamesDataXattrsListedNumbers) {
  Snapshot kernel, ply;
  kernel["a"].sight = ply["a"].sight = File(5);
  kernel["a"].d_ino = ply["a"].d_ino = 5;
  kernel["a"].d_type = ply["a"].d_type = S_IFREG >> 12;
  const auto kind = [&] {
    auto d = comparer_.CompareSameLayers(kernel, ply, "", true);
    return d ? d->kind : "";
  };
  EXPECT_EQ(kind(), "");
  ply["a"].d_ino = 6;
  EXPECT_EQ(kind(), "d_ino");
  ply["a"].d_ino = 5;
  kernel["a"].d_ino = 6;  // the kernel's slip (D10)
  EXPECT_EQ(kind(), "");
  ply["a"].sight.stx.stx_ctime.tv_nsec = 1;
  EXPECT_EQ(kind(), "ctime");
  ply["a"].sight.stx.stx_ctime.tv_nsec = 0;
  kernel["a"].sight.stx.stx_mask = ply["a"].sight.stx.stx_mask = STATX_BTIME;
  ply["a"].sight.stx.stx_btime.tv_sec = 1;
  EXPECT_EQ(kind(), "btime");
  ply["a"].sight.stx.stx_btime.tv_sec = 0;
  ply["a"].xattrs["user.x"] = "1";
  EXPECT_EQ(kind(), "xattrs");
  ply["a"].xattrs.clear();
  ply["a"].data = "other";
  EXPECT_EQ(kind(), "data");
  ply["a"].data.clear();
  ply["b"] = ply["a"];
  EXPECT_EQ(kind(), "name");
  ply.erase("b");
  ply["a"].sight.stx.stx_ino = ply["a"].d_ino = 7;
  EXPECT_EQ(kind(), "inode number");
}

TEST_F(CompareTest, RefusedNamesAreLeftOutByTheKernelOnly) {  // D14
  Step readdir;
  readdir.op = Op::kReaddir;
  Outcome kernel, ply, failed;
  ply.list.push_back({"r", DT_REG, 1, false, EPERM});
  failed.error = EPERM;
  EXPECT_EQ(Kind(readdir, kernel, ply), "listing");
  EXPECT_EQ(Kind(readdir, failed, ply), "errno");
  comparer_.SetRefusals(true);
  EXPECT_EQ(Kind(readdir, kernel, ply), "");
  EXPECT_EQ(Kind(readdir, failed, ply), "");
  EXPECT_EQ(masks_.counts().size(), 2u);
  EXPECT_EQ(Kind(readdir, ply, kernel), "listing");
  EXPECT_EQ(Kind(readdir, ply, failed), "errno");
  failed.error = EIO;
  EXPECT_EQ(Kind(readdir, failed, ply), "errno");
  ply.list[0].error = 0;
  EXPECT_EQ(Kind(readdir, kernel, ply), "listing");
  ply.list[0] = {"w", DT_CHR, 1, true, ENOENT};
  EXPECT_EQ(Kind(readdir, kernel, ply), "listing");
  ply.list[0].type = DT_REG;
  EXPECT_EQ(Kind(readdir, kernel, ply), "");
}

TEST_F(CompareTest, NumbersWithoutOrigin) {  // C15
  auto object = [](uint64_t ino, unsigned mode) {
    Outcome out;
    out.after.push_back(File(ino));
    out.after[0].stx.stx_mode = static_cast<uint16_t>(mode);
    return out;
  };
  EXPECT_EQ(Kind(Step{}, object(1, S_IFIFO), object(101, S_IFIFO)), "");
  EXPECT_EQ(Kind(Step{}, object(2, S_IFIFO), object(101, S_IFIFO)), "inode number");
  comparer_.SetUserxattr(true);
  EXPECT_EQ(Kind(Step{}, object(2, S_IFIFO), object(101, S_IFIFO)), "");
  EXPECT_EQ(Kind(Step{}, object(2, S_IFREG), object(101, S_IFREG)), "inode number");
}

TEST_F(CompareTest, GhostsOnTheKernelsSideOnly) {  // D9
  Outcome kernel, ply;
  kernel.list.push_back({"w", 2, 1, true});
  EXPECT_EQ(Kind(Step{}, kernel, ply), "");
  EXPECT_EQ(masks_.counts().size(), 1u);
  EXPECT_EQ(Kind(Step{}, ply, kernel), "listing");
  kernel.list[0].ghost = false;
  EXPECT_EQ(Kind(Step{}, kernel, ply), "listing");
}

TEST_F(CompareTest, UnlinkedLowerFile) {  // S10 N19
  Outcome kernel, ply;
  kernel.after.push_back(File(1));
  ply.after.push_back(File(101));
  ply.after[0].stx.stx_nlink = 0;
  EXPECT_EQ(Kind(Step{}, kernel, ply), "nlink");
  kernel.after[0].deleted = ply.after[0].deleted = true;
  EXPECT_EQ(Kind(Step{}, kernel, ply), "");
  Step step;
  step.op = Op::kFchmod;
  kernel.error = EEXIST;
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
  kernel.read_only_fd = true;
  EXPECT_EQ(Kind(step, kernel, ply), "part");
  step.op = Op::kWrite;
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
}

TEST_F(CompareTest, MappingThroughAnOldDescriptor) {  // C19
  Outcome kernel, ply;
  kernel.read_only_fd = true;
  kernel.data = ply.data = ply.mapped = "new";
  kernel.mapped = "old";
  EXPECT_EQ(Kind(Step{}, kernel, ply), "");
  EXPECT_EQ(Kind(Step{}, ply, kernel), "mapped data");
  // The lower file is shorter.
  Step step;
  step.op = Op::kMmapRead;
  kernel.error = EFAULT;
  EXPECT_EQ(Kind(step, kernel, ply), "");
  EXPECT_EQ(Kind(step, ply, kernel), "errno");
  kernel.read_only_fd = false;
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
}

TEST_F(CompareTest, MappingOfAnEmptiedFileThroughAnOldDescriptor) {  // C19
  Step step;
  step.op = Op::kMmapRead;
  Outcome kernel, ply;
  kernel.read_only_fd = true;
  kernel.mapped = Digest("x");
  kernel.data = Digest("");
  ply.error = EFAULT;
  EXPECT_EQ(Kind(step, kernel, ply), "");
  kernel.data = Digest("x");
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
  kernel.data = Digest("");
  kernel.read_only_fd = false;
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
}

TEST_F(CompareTest, AtimesMoveWhileReadOnly) {  // C21
  comparer_.SetReadonly(true);
  comparer_.SetReadonly(false);
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto moved_to = [](time_t at) { return [at](Sight* s) { s->stx.stx_atime.tv_sec = at; }; };
  EXPECT_EQ(KindAfter(moved_to(now.tv_sec - 5)), "atime");
  EXPECT_EQ(KindAfter([&](Sight* s) {
              s->stx.stx_atime.tv_sec = now.tv_sec;
              s->stx.stx_atime.tv_nsec = static_cast<uint32_t>(now.tv_nsec);
            }),
            "");
}

TEST_F(CompareTest, HolesMayLieElsewhereButHoldZeros) {
  Step step;
  step.op = Op::kSeek;
  step.b = SEEK_DATA;
  Outcome kernel, ply;
  ply.error = ENXIO;
  EXPECT_EQ(Kind(step, kernel, ply), "");
  ply.error = EIO;
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
  ply.error = 0;
  ply.data = "what was skipped is not zero";
  EXPECT_EQ(Kind(step, kernel, ply), "errno");
}

TEST_F(CompareTest, NoMasksBetweenKernels) {
  comparer_.SetMasksAllowed(false);
  Outcome kernel, ply;
  kernel.list.push_back({"w", 2, 1, true});
  EXPECT_EQ(Kind(Step{}, kernel, ply), "listing");
}

TEST(InodePairs, OneBijection) {
  InodePairs pairs;
  EXPECT_EQ(pairs.Match(1, 11, "a"), "");
  EXPECT_EQ(pairs.Match(1, 11, "a again"), "");
  EXPECT_NE(pairs.Match(1, 12, "b"), "");
  EXPECT_NE(pairs.Match(2, 11, "c"), "");
  EXPECT_EQ(pairs.Match(2, 12, "d"), "") << "a contradiction must not be remembered";
  pairs.Forget(1, 11);
  EXPECT_EQ(pairs.Match(1, 13, "e"), "");
  EXPECT_EQ(pairs.size(), 2u);
}

}  // namespace
}  // namespace plyfs::diff
