// In which order things come to be in upper, and what becomes of an operation when a filesystem refuses what
// it needs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

using T = TreeText;
using V = std::vector<std::string>;

// Calls `look` before each change of the disk, with its kind.
class BeforeChanges : public FaultHook {
 public:
  explicit BeforeChanges(std::function<void(Op)> look) : look_(std::move(look)) {}
  int Before(Op op) override {
    if (OpChangesDisk(op)) look_(op);
    return 0;
  }

 private:
  const std::function<void(Op)> look_;
};

class DiskOrderTest : public UnionFixture {
 protected:
  template <typename Act>
  static auto With(const char* plan_text, Act act) {
    auto plan = FaultPlan::Parse(plan_text);
    EXPECT_TRUE(plan.ok());
    ScopedFaults faults(plan->get());
    return act();
  }
  template <typename Act>
  static std::vector<Op> ChangesOf(Act act) {
    std::vector<Op> changes;
    BeforeChanges record([&](Op op) { changes.push_back(op); });
    ScopedFaults faults(&record);
    act();
    return changes;
  }
};

// rules: B11 C14: the data is safe before the name leads to it.
TEST_F(DiskOrderTest, CopiedDataIsSyncedBeforeItHasItsName) {
  for (FsyncPolicy policy : {FsyncPolicy::kAuto, FsyncPolicy::kStrict, FsyncPolicy::kVolatile}) {
    StartOver();
    Put("b/f", std::string(100'000, 'x'));
    Mount([&](StackConfig* config) { config->fsync = policy; });
    NodeId f = Walk("f");
    std::vector<Op> changes = ChangesOf([&] { EXPECT_TRUE(fs_->Open(me_, f, O_WRONLY, false).ok()); });
    auto installed = std::find_if(changes.begin(), changes.end(),
                                  [](Op op) { return op == Op::kLink || op == Op::kRename; });
    ASSERT_NE(installed, changes.end());
    auto synced = std::find(changes.begin(), installed, Op::kFsync);
    if (policy == FsyncPolicy::kVolatile) {
      EXPECT_EQ(std::count(changes.begin(), changes.end(), Op::kFsync), 0);
      continue;
    }
    ASSERT_NE(synced, installed);
    // Nothing is done to the file between being synced and having its name, but the parent's record.
    EXPECT_EQ(std::count_if(synced, installed, [](Op op) { return op != Op::kFsync && op != Op::kSetXattr; }),
              0);
  }
}

// What a copy-up does to the disk, a run of writes being one: how many there are is the means' affair.
class Effects : public FaultHook {
 public:
  int Before(Op op) override {
    submits += op == Op::kUringSubmit;
    if (!OpChangesDisk(op)) return 0;
    if (op == Op::kWrite) ++under_way_;
    if (op == Op::kFsync) synced_early |= under_way_ != 0;
    if (order.empty() || order.back() != op) order.push_back(op);
    if (op == Op::kClone) return EOPNOTSUPP;
    return op == Op::kCopyFileRange ? EXDEV : 0;
  }
  void After(Op op, int error) override {
    if (op == Op::kWrite) --under_way_;
  }
  std::vector<Op> order;
  int submits = 0;
  bool synced_early = false;  // while a write was under way

 private:
  int under_way_ = 0;
};

// rules: C4 C14
TEST_F(DiskOrderTest, ARingHasTheSameEffectsInTheSameOrder) {
  const std::string data(3'000'000, 'd');
  Effects effects[2];
  for (bool ring : {false, true}) {
    StartOver();
    Put("b/f", data);
    Mount([&](StackConfig* config) { config->use_io_uring = ring; });
    NodeId f = Walk("f");
    {
      ScopedFaults faults(&effects[ring]);
      EXPECT_TRUE(fs_->Open(me_, f, O_WRONLY, false).ok());
    }
    EXPECT_TRUE(Get("u/f") == data);
    EXPECT_FALSE(effects[ring].synced_early);
  }
  EXPECT_EQ(effects[0].submits, 0);
  if (effects[1].submits == 0) GTEST_SKIP() << "io_uring is forbidden here";
  EXPECT_EQ(effects[0].order, effects[1].order);
}

// rules: F11
TEST_F(DiskOrderTest, FsyncOfADirectorySyncsUpper) {
  Put("b/low/f");
  for (bool is_volatile : {false, true}) {
    Mount([&](StackConfig* config) {
      if (is_volatile) config->fsync = FsyncPolicy::kVolatile;
    });
    std::string own = is_volatile ? "own2" : "own1";
    ASSERT_EQ(MakeDir(own), 0);
    NodeId upper = Walk(own), lower = Walk("low");
    EXPECT_EQ(ChangesOf([&] { EXPECT_TRUE(fs_->FsyncDir(upper, 0, false).ok()); }).size(),
              is_volatile ? 0u : 1u);
    EXPECT_EQ(ChangesOf([&] { EXPECT_TRUE(fs_->FsyncDir(lower, 0, false).ok()); }).size(), 0u);
    EXPECT_EQ(With("fsync=EIO", [&] { return fs_->FsyncDir(upper, 0, false).error(); }),
              is_volatile ? 0 : EIO);
  }
}

// rules: R1: the source first, then the target's parent.
TEST_F(DiskOrderTest, RenameCopiesUpTheSourceFirst) {
  Put("b/from/f", "data");
  Dir("b/to");
  Mount();
  Walk("from/f");
  Walk("to");
  bool source_alone = false, target_alone = false;
  BeforeChanges look([&](Op) {
    source_alone |= Exists("u/from/f") && !Exists("u/to");
    target_alone |= !Exists("u/from/f") && Exists("u/to");
  });
  {
    ScopedFaults faults(&look);
    EXPECT_EQ(Rename("from/f", "to/g"), 0);  // with redirect_dir=follow: a file needs no redirect
  }
  EXPECT_TRUE(source_alone);
  EXPECT_FALSE(target_alone);
  EXPECT_EQ(Upper(), (T{{"from", "dir origin"},
                        {"from/f", "whiteout"},
                        {"to", "dir origin"},
                        {"to/g", "file data origin"}}));
}

// rules: A4: never visible in upper with another owner.
TEST_F(DiskOrderTest, NewObjectsBelongToTheirMakerFromTheFirst) {
  Caller other;
  other.uid = 1000;
  other.gid = 1001;
  for (bool over_whiteout : {false, true}) {
    StartOver();
    Put("b/x");
    if (over_whiteout) Whiteout("u/x");
    if (!over_whiteout) std::filesystem::remove(root_ / "b/x");
    ASSERT_EQ(::chmod(At("u").c_str(), 0777), 0);
    Mount();
    const std::function<int()> makers[] = {
        [&] { return fs_->Create(other, kRootNode, Name::Trusted("x"), 0644, O_RDWR | O_EXCL).error(); },
        [&] { return fs_->MakeDir(other, kRootNode, Name::Trusted("x"), 0755).error(); },
        [&] { return fs_->Symlink(other, kRootNode, Name::Trusted("x"), "to").error(); },
        [&] { return fs_->MakeNode(other, kRootNode, Name::Trusted("x"), S_IFIFO | 0644, 0).error(); },
    };
    for (const auto& make : makers) {
      auto check = [&](Op) {
        struct stat st;
        if (::lstat(At("u/x").c_str(), &st) != 0 || S_ISCHR(st.st_mode)) return;
        EXPECT_EQ(st.st_uid, 1000u);
        EXPECT_EQ(st.st_gid, 1001u);
      };
      BeforeChanges look(check);
      {
        ScopedFaults faults(&look);
        EXPECT_EQ(make(), 0);
      }
      check(Op::kCreate);
      ASSERT_TRUE(Exists("u/x"));
      EXPECT_EQ(S_ISDIR(Stat("x").mode) ? RemoveDir("x") : Unlink("x"), 0);
    }
  }
}

// rules: L2: a layer that cannot answer is not a layer that lacks the name.
TEST_F(DiskOrderTest, ALayerThatFailsFailsTheLookup) {
  Put("a/above", "a");
  Put("b/below", "b");
  const std::pair<const char*, int> cases[] = {
      {"open=EIO", EIO}, {"open=EACCES", EACCES}, {"open=ENOMEM", ENOMEM}};
  for (const auto& [plan, error] : cases) {
    Mount();
    EXPECT_EQ(With(plan, [&] { return fs_->Lookup(me_, kRootNode, Name::Trusted("below")).error(); }), error);
    EXPECT_EQ(Read("below"), "b");  // nothing was concluded
    EXPECT_EQ(Read("above"), "a");
  }
}

// rules: L2: a symlink is what it is, not where it leads.
TEST_F(DiskOrderTest, SymlinksInLayersAreNotFollowed) {
  Put("b/real/x", "x");
  Put("b/d/y", "y");
  ASSERT_EQ(::symlink("real", At("a/d").c_str()), 0);
  ASSERT_EQ(::symlink("real", At("b/link").c_str()), 0);
  Mount();
  for (const char* path : {"d", "link"}) {
    EXPECT_EQ(Stat(path).mode & S_IFMT, static_cast<uint32_t>(S_IFLNK));
    EXPECT_EQ(fs_->Lookup(me_, Walk(path), Name::Trusted("x")).error(), ENOTDIR);
  }
}

// rules: M19: an upper without xattrs: files copy up, what needs a record is refused as the kernel does.
TEST_F(DiskOrderTest, AnUpperWithoutXattrs) {
  constexpr char kNoXattrs[] = "getxattr=EOPNOTSUPP,setxattr=EOPNOTSUPP";
  Put("b/f", "data");
  Put("b/d/x");
  Put("b/gone/y");
  Put("b/merged/z");
  Whiteout("u/gone");
  Dir("u/d");
  Whiteout("u/d/x");
  Dir("u/own");
  Mount();
  for (const char* path : {"f", "d", "gone", "merged", "own"}) Walk(path);
  EXPECT_EQ(With(kNoXattrs, [&] { return Chmod("f", 0600); }), 0);
  EXPECT_EQ(With(kNoXattrs, [&] { return MakeDir("gone"); }), EIO);
  EXPECT_EQ(With(kNoXattrs, [&] { return Rename("own", "d"); }), EXDEV);
  EXPECT_EQ(Leftovers(), V());
  EXPECT_EQ(Record("u/f", "origin"), "(none)");
  EXPECT_EQ(With(kNoXattrs, [&] { return RemoveDir("d"); }), 0);
  EXPECT_TRUE(Exists("u/own"));
}

}  // namespace
}  // namespace plyfs
