// WorkDir: who is refused is told which option it was and why, with the errno that mount(2) would give, and
// nothing is left behind; what a killed mount left is cleared away.
#include "engine/layer/work_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/base/log.h"
#include "engine/io/fail_call_for_test.h"
#include "engine/io/privilege_for_test.h"
#include "engine/layer/in_use.h"
#include "engine/layer/layer_stack.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

std::string logged;

class WorkDirTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
    char dir[] = "/dev/shm/plyfs_work_XXXXXX";
    ASSERT_NE(::mkdtemp(dir), nullptr);
    root_ = dir;
    for (const char* name : {"lower", "u", "w"}) fs::create_directory(root_ / name);
    config_.lowerdirs = {root_ / "lower"};
    config_.upperdir = root_ / "u";
    config_.workdir = root_ / "w";
    SetLogSink([](std::string_view) {});
  }
  void TearDown() override {
    SetLogSink(nullptr);
    if (!root_.empty()) fs::remove_all(root_);
  }

  // The errno of claiming and preparing; 0: all went well.  line_ says what went wrong.
  int Mount(std::unique_ptr<WorkDir>* work = nullptr) {
    line_.clear();
    Result<std::unique_ptr<Layer>> upper = Layer::Open(kUpper, config_.upperdir);
    if (!upper.ok()) return upper.error();
    Result<std::unique_ptr<WorkDir>> claimed = WorkDir::Claim(**upper, config_, &line_);
    if (!claimed.ok()) return claimed.error();
    const int error = (*claimed)->Prepare(config_, &line_).error();
    if (work != nullptr) *work = *std::move(claimed);
    return error;
  }
  int MountWith(const char* plan) {
    auto parsed = FaultPlan::Parse(plan);
    ScopedFaults faults(parsed->get());
    return Mount();
  }
  bool Exists(const char* path) const { return fs::exists(fs::symlink_status(root_ / path)); }

  fs::path root_;
  StackConfig config_;
  std::string line_;
};

// rules: M12 M13
TEST_F(WorkDirTest, WhatIsNoPlaceForItIsRefused) {
  std::ofstream(root_ / "file") << "";
  fs::create_directories(root_ / "u/inside");
  const std::pair<fs::path, std::pair<int, const char*>> places[] = {
      {root_ / "none", {ENOENT, "no such directory; create it"}},
      {root_ / "file", {EINVAL, "not a directory"}},
      {root_ / "u", {EINVAL, "is the upper directory"}},
      {root_ / "u/inside", {EINVAL, "overlap"}},
      {root_, {EINVAL, "overlap"}},
      {"/proc", {EINVAL, "not on the same mount as upperdir"}},
  };
  for (const auto& [path, expected] : places) {
    config_.workdir = path;
    EXPECT_EQ(Mount(), expected.first) << path;
    EXPECT_NE(line_.find(expected.second), std::string::npos) << line_;
    EXPECT_TRUE(line_.starts_with("workdir=" + path.native() + ": ")) << line_;
  }
  EXPECT_FALSE(Exists("u/inside/work"));
}

// rules: M12 M14 O6
TEST_F(WorkDirTest, WhatFailsIsSaidWithItsErrnoAndItsOption) {
  struct Case {
    const char* plan;
    int error;
    const char* said;
  };
  for (const Case& c : {
           Case{"open@3=EACCES", EACCES, "workdir="},
           Case{"open@3=EIO", EIO, "workdir="},
           Case{"statx@3=EIO", EIO, "cannot look at it"},
           Case{"mkdir=EROFS", EINVAL, "cannot make the directory work in it: Read-only"},
           Case{"mkdir=ENOSPC", ENOSPC, "cannot make the directory work in it: No space"},
           Case{"mknod=EROFS", EINVAL, "cannot hold whiteouts (character device 0/0): Read-only"},
           Case{"mknod=EPERM", EPERM, "cannot hold whiteouts (character device 0/0): Operation not"},
           Case{"getdents=EIO", EIO, "cannot empty work in it"},
       }) {
    SCOPED_TRACE(c.plan);
    EXPECT_EQ(MountWith(c.plan), c.error) << line_;
    EXPECT_NE(line_.find(c.said), std::string::npos) << line_;
    EXPECT_FALSE(Exists("w/work"));  // what is refused leaves nothing behind
    EXPECT_EQ(Mount(), 0) << line_;
    fs::remove_all(root_ / "w/work");
  }
}

// rules: M14
TEST_F(WorkDirTest, WhatStandsInTheWayOfWorkIsNotRemoved) {
  std::ofstream(root_ / "w/work") << "somebody's";
  EXPECT_EQ(Mount(), ENOTDIR);
  EXPECT_NE(line_.find("cannot open work in it"), std::string::npos) << line_;
  EXPECT_TRUE(Exists("w/work"));
}

// rules: M14
TEST_F(WorkDirTest, WhatAKilledMountLeftIsCleared) {
  fs::create_directories(root_ / "w/work/#1/a/b");
  fs::create_directories(root_ / "w/work/#2");
  std::ofstream(root_ / "w/work/#1/a/f") << "";
  ASSERT_EQ(::mknod((root_ / "w/work/#3").c_str(), S_IFCHR, 0), 0);
  fs::create_symlink("nowhere", root_ / "w/work/#4");
  ASSERT_EQ(::chmod((root_ / "w/work/#1").c_str(), 0), 0);
  std::unique_ptr<WorkDir> work;
  EXPECT_EQ(Mount(&work), 0) << line_;
  for (const auto& left : fs::directory_iterator(root_ / "w/work")) {
    struct stat st;
    ASSERT_EQ(::lstat(left.path().c_str(), &st), 0);
    EXPECT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == 0)
        << left.path();  // the whiteout that others are links of
  }
}

// rules: M29 M16
TEST_F(WorkDirTest, AVolatileMountKeepsTheNextOneOutUntilItsMarkIsRemoved) {
  config_.fsync = FsyncPolicy::kVolatile;
  EXPECT_EQ(MountWith("mkdir@2=ENOSPC"), ENOSPC);
  EXPECT_NE(line_.find("cannot leave the volatile mark"), std::string::npos) << line_;
  EXPECT_EQ(MountWith("mkdir@3=ENOSPC"), ENOSPC);
  EXPECT_EQ(MountWith("create=EDQUOT"), EDQUOT);
  EXPECT_FALSE(Exists("w/work/incompat"));
  EXPECT_EQ(Mount(), 0) << line_;
  EXPECT_TRUE(Exists("w/work/incompat/volatile/dirty"));
  for (const FsyncPolicy policy : {FsyncPolicy::kVolatile, FsyncPolicy::kAuto}) {
    config_.fsync = policy;
    EXPECT_EQ(Mount(), EINVAL);
    EXPECT_NE(line_.find("marked as incompatible by volatile"), std::string::npos) << line_;
  }
  fs::remove_all(root_ / "w/work/incompat/volatile");
  EXPECT_EQ(Mount(), 0) << line_;
}

// rules: M18
TEST_F(WorkDirTest, TheLocksAreHeldUntilTheyAreLetGo) {
  std::unique_ptr<WorkDir> work;
  ASSERT_EQ(Mount(&work), 0) << line_;
  const auto opened = [this](const char* name) {
    return UniqueFd(::open((root_ / name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  for (const char* name : {"u", "w"}) {
    EXPECT_FALSE(LockDirectory(opened(name).get(), std::chrono::milliseconds(1))) << name;
  }
  const Result<std::unique_ptr<Layer>> upper = Layer::Open(kUpper, config_.upperdir);
  EXPECT_EQ(LockHolder((*upper)->root_id()), " (pid " + std::to_string(::getpid()) + ")");
  work->Unlock();
  for (const char* name : {"u", "w"}) {
    EXPECT_TRUE(LockDirectory(opened(name).get(), std::chrono::milliseconds(1))) << name;
  }
  EXPECT_EQ(LockHolder((*upper)->root_id()), "");
  EXPECT_FALSE(LockDirectory(-1, std::chrono::milliseconds(1)));
}

TEST_F(WorkDirTest, WhiteoutsAreLinksOfOneAsLongAsThereMayBeMore) {
  std::unique_ptr<WorkDir> work;
  ASSERT_EQ(Mount(&work), 0) << line_;
  const auto links = [&](const std::string& name) {
    struct stat st = {};
    EXPECT_EQ(::lstat((root_ / "w/work" / name).c_str(), &st), 0) << name;
    EXPECT_TRUE(S_ISCHR(st.st_mode) && st.st_rdev == 0);
    return st.st_nlink;
  };
  const std::string first = *work->MakeWhiteout();
  const auto shared = links(first);
  const std::string second = *work->MakeWhiteout();
  EXPECT_EQ(links(second), shared + 1);
  {
    auto plan = FaultPlan::Parse("link=EMLINK");
    ScopedFaults faults(plan->get());
    const std::string alone = *work->MakeWhiteout();
    EXPECT_EQ(links(alone), 1u);
  }
  auto plan = FaultPlan::Parse("link=EMLINK,mknod=ENOSPC");
  ScopedFaults faults(plan->get());
  EXPECT_EQ(work->MakeWhiteout().error(), ENOSPC);
}

TEST_F(WorkDirTest, WhatIsDiscardedIsGoneWhateverItIs) {
  std::unique_ptr<WorkDir> work;
  ASSERT_EQ(Mount(&work), 0) << line_;
  fs::create_directories(root_ / "w/work/#dir/a");
  std::ofstream(root_ / "w/work/#file") << "";
  for (const char* name : {"#dir", "#file", "#none"}) {
    work->Discard(name);
    EXPECT_FALSE(Exists((std::string("w/work/") + name).c_str())) << name;
  }
  // What cannot be removed is told of, and left to the next mount.
  fs::create_directories(root_ / "w/work/#dir/a");
  SetLogSink([](std::string_view line) { logged += line; });
  for (const char* plan : {"unlink=EIO", "unlink@2+=EBUSY", "open=EMFILE"}) {
    logged.clear();
    auto parsed = FaultPlan::Parse(plan);
    ScopedFaults faults(parsed->get());
    work->Discard("#dir");
    EXPECT_NE(logged.find("cannot remove #dir"), std::string::npos) << plan << logged;
    EXPECT_TRUE(Exists("w/work/#dir")) << plan;
  }
  work->Discard("#dir");
  EXPECT_FALSE(Exists("w/work/#dir"));
}

// Mounted, or refused with nothing left open or in the way of the next mount.
// rules: M12 M14 M29
TEST_F(WorkDirTest, EveryAnswerIsTakenOrRefused) {
  for (const FsyncPolicy policy : {FsyncPolicy::kAuto, FsyncPolicy::kVolatile}) {
    config_.fsync = policy;
    const auto open_before = OpenDescriptors();
    int refused = 0;
    ForEachAnswer([&](AnswerCall& answer) {
      if (HasFailure()) return;
      fs::remove_all(root_ / "w/work");
      fs::create_directories(root_ / "w/work/#1/a");
      int error = 0;
      {
        ScopedFaults faults(&answer);
        std::string line;
        auto stack = LayerStack::Open(config_, &line_);
        error = stack.ok() ? Mount() : stack.error();
      }
      SCOPED_TRACE(answer.text());
      if (error != 0) {
        ++refused;
        EXPECT_FALSE(Exists("w/work/incompat/volatile"));
        EXPECT_EQ(Mount(), 0) << line_;
      }
      EXPECT_EQ(OpenDescriptors(), open_before);
    });
    EXPECT_GT(refused, 20);
  }
}

// rules: M12
TEST_F(WorkDirTest, LayersThatCannotBeOpenedAreRefusedByTheirOption) {
  struct Case {
    const char* plan;
    int error;
    const char* said;
  };
  for (const Case& c : {
           Case{"open=ENOENT", ENOENT, "upperdir"},
           Case{"open=ENOTDIR", EINVAL, "not a directory"},
           Case{"open=EMFILE", EMFILE, "ulimit"},
           Case{"open=ENFILE", ENFILE, "ulimit"},
           Case{"open=EACCES", EACCES, "accessible"},
           Case{"open@3=ENOENT", ENOENT, "lowerdir"},
           Case{"open@3+=EMFILE", EMFILE, "lowerdir"},
       }) {
    SCOPED_TRACE(c.plan);
    auto plan = FaultPlan::Parse(c.plan);
    ScopedFaults faults(plan->get());
    EXPECT_EQ(LayerStack::Open(config_, &line_).error(), c.error);
    EXPECT_NE(line_.find(c.said), std::string::npos) << line_;
  }
  config_.lowerdirs.clear();
  EXPECT_EQ(LayerStack::Open(config_, &line_).error(), EINVAL);
  EXPECT_NE(line_.find("no lower layer"), std::string::npos) << line_;
}

// rules: M12
TEST_F(WorkDirTest, LayersThatContainEachOtherAreRefused) {
  fs::create_directories(root_ / "lower/inside/deep");
  fs::create_directories(root_ / "u/lower");
  const auto open = [this](std::vector<std::string> lowers) {
    config_.lowerdirs = std::move(lowers);
    return LayerStack::Open(config_, &line_).error();
  };
  const std::string lower = root_ / "lower";
  EXPECT_EQ(open({lower, lower}), ELOOP);
  EXPECT_NE(line_.find("is there twice"), std::string::npos) << line_;
  EXPECT_EQ(open({lower, lower + "/inside/deep"}), ELOOP);
  EXPECT_NE(line_.find("lies inside the layer " + lower), std::string::npos) << line_;
  EXPECT_EQ(open({config_.upperdir}), ELOOP);
  EXPECT_NE(line_.find("is the upper directory too"), std::string::npos) << line_;
  EXPECT_EQ(open({config_.workdir}), ELOOP);
  EXPECT_NE(line_.find("is the work directory too"), std::string::npos) << line_;
  EXPECT_EQ(open({config_.upperdir + "/lower"}), ELOOP);
  EXPECT_EQ(open({root_}), 0) << line_;  // upper may lie inside a lower
}

}  // namespace
}  // namespace plyfs
