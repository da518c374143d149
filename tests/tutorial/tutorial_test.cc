// The tutorial's experiments (semantics section 8, T-a to T-g) on a real mount.  A is Lower(0), B is
// Lower(1), C is the upper, `worker` the workdir.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/mount/mount_fixture.h"
#include "tests/tutorial/soon.h"

namespace plyfs::test {
namespace {

using V = std::vector<std::string>;

class TutorialTest : public MountFixture {
 protected:
  void Lay() {
    MakeLayers(2);
    ASSERT_EQ(MakeDir(A("aa")), 0);
    ASSERT_EQ(Write(A("aa/1"), "1"), 0);
    ASSERT_EQ(Write(A("a.txt"), "a"), 0);
    ASSERT_EQ(Write(B("b.txt"), "b"), 0);
    ASSERT_EQ(Write(C("c.txt"), "c"), 0);
  }
  void LayAndMount() {
    Lay();
    ASSERT_TRUE(MountPlyfs());
  }
  std::string A(const std::string& path = "") const { return Lower(0, path); }
  std::string B(const std::string& path = "") const { return Lower(1, path); }
  std::string C(const std::string& path = "") const { return U(path); }
  std::string See(const std::string& path) const { return ReadOrErrno(M(path)); }
  MountPlan Plan(const std::string& work) const {
    MountPlan plan;
    plan.lowers = {A(), B()};
    plan.upper = C();
    plan.work = work;
    plan.mountpoint = M();
    return plan;
  }
};

// T-a: the listing.
TEST_F(TutorialTest, Listing) {
  LayAndMount();
  EXPECT_EQ(List(M()), (V{"a.txt", "aa", "b.txt", "c.txt"}));
  EXPECT_EQ(List(W()), V{"work"});
}

// T-b: the workdir's insides are not the mount's.
TEST_F(TutorialTest, Workdir) {
  LayAndMount();
  V listing = List(M());
  ASSERT_EQ(Write(W("junk"), "x"), 0);
  ASSERT_EQ(Write(W("work/junk2"), "x"), 0);
  EXPECT_EQ(List(M()), listing);
  ASSERT_TRUE(Unmount());
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(List(M()), listing);
  EXPECT_TRUE(Exists(W("junk")));
  EXPECT_FALSE(Exists(W("work/junk2")));
  for (const std::string& name : List(W("work"))) EXPECT_TRUE(IsWhiteout(W("work/" + name))) << name;  // X4
}

// T-b M13
TEST_F(TutorialTest, WorkdirElsewhereIsRefused) {
  Lay();
  std::string error;
  std::string other = "/dev/shm/plyfs-tutorial-" + std::to_string(getpid());
  ASSERT_EQ(MakeDir(other), 0);
  EXPECT_EQ(LiveMount::Program(PlyfsProgram(), Plan(other), dir() + "/log", &error), nullptr);
  EXPECT_NE(error.find("workdir"), std::string::npos) << error;
  EXPECT_EQ(RemoveTree(other), 0);

  std::string bound = dir() + "/bound";
  ASSERT_EQ(MakeDir(bound), 0);
  ASSERT_EQ(::mount(W().c_str(), bound.c_str(), nullptr, MS_BIND, nullptr), 0);
  error.clear();
  EXPECT_EQ(LiveMount::Program(PlyfsProgram(), Plan(bound), dir() + "/log", &error), nullptr);
  EXPECT_NE(error.find("workdir"), std::string::npos) << error;
  EXPECT_EQ(::umount2(bound.c_str(), MNT_DETACH), 0);
}

// T-c: lowers changed by hand; U4 U5 U6 U7
TEST_F(TutorialTest, LowerChangedByHand) {
  LayAndMount();
  EXPECT_EQ(See("a.txt"), "a");
  ASSERT_EQ(Write(A("a.txt"), "rewritten"), 0);
  EXPECT_TRUE(Soon([&] { return See("a.txt") == "rewritten" && Stat(M("a.txt")).st_size == 9; }));

  ASSERT_EQ(Write(A(".a"), "replaced"), 0);
  ASSERT_EQ(rename(A(".a").c_str(), A("a.txt").c_str()), 0);
  EXPECT_TRUE(Soon([&] { return See("a.txt") == "replaced"; }));

  ASSERT_EQ(Write(B("new.txt"), "new"), 0);
  EXPECT_TRUE(Soon([&] { return See("new.txt") == "new"; }));
  EXPECT_TRUE(Soon([&] { return List(M()) == (V{"a.txt", "aa", "b.txt", "c.txt", "new.txt"}); }));

  EXPECT_EQ(StatError(M("neg.txt")), ENOENT);
  ASSERT_EQ(Write(B("neg.txt"), "now"), 0);
  EXPECT_TRUE(Soon([&] { return See("neg.txt") == "now"; }));
  EXPECT_TRUE(Soon([&] { return List(M()) == (V{"a.txt", "aa", "b.txt", "c.txt", "neg.txt", "new.txt"}); }));
}

// T-c: the layer above takes over, and whoever holds the file open keeps what he has.
TEST_F(TutorialTest, AHigherLayerTakesOver) {
  LayAndMount();
  ASSERT_EQ(Write(B("f.txt"), "B's"), 0);
  EXPECT_TRUE(Soon([&] { return See("f.txt") == "B's"; }));
  int held = open(M("f.txt").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  ASSERT_EQ(Write(A("f.txt"), "A's"), 0);
  EXPECT_TRUE(Soon([&] { return See("f.txt") == "A's"; }));
  char text[3];
  EXPECT_EQ(pread(held, text, sizeof text, 0), 3);
  EXPECT_EQ(std::string(text, 3), "B's");
  close(held);
  ASSERT_EQ(Write(C("f.txt"), "C's"), 0);
  EXPECT_TRUE(Soon([&] { return See("f.txt") == "C's"; }));
}

// T-c
TEST_F(TutorialTest, BothMadeBeforeTheFirstRead) {
  LayAndMount();
  ASSERT_EQ(Write(B("f.txt"), "B's"), 0);
  ASSERT_EQ(Write(A("f.txt"), "A's"), 0);
  EXPECT_TRUE(Soon([&] { return See("f.txt") == "A's"; }));
}

// T-d L1
TEST_F(TutorialTest, Precedence) {
  Lay();
  ASSERT_EQ(Write(A("x"), "A"), 0);
  ASSERT_EQ(Write(B("x"), "B"), 0);
  ASSERT_EQ(Write(A("y"), "A"), 0);
  ASSERT_EQ(Write(B("y"), "B"), 0);
  ASSERT_EQ(Write(C("y"), "C"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(See("x"), "A");
  EXPECT_EQ(See("y"), "C");
}

// T-e L6
TEST_F(TutorialTest, DirectoriesMerge) {
  Lay();
  ASSERT_EQ(MakeDir(B("aa")), 0);
  ASSERT_EQ(Write(B("aa/2"), "2"), 0);
  ASSERT_EQ(MakeDir(C("aa")), 0);
  ASSERT_EQ(Write(C("aa/3"), "3"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(List(M("aa")), (V{"1", "2", "3"}));
  EXPECT_EQ(StatError(M("aa/9")), ENOENT);
  ASSERT_EQ(Write(B("aa/9"), "9"), 0);
  EXPECT_TRUE(Soon([&] { return See("aa/9") == "9"; }));
}

// T-e
TEST_F(TutorialTest, ADirectoryJoinsLater) {
  LayAndMount();
  EXPECT_EQ(List(M("aa")), V{"1"});
  EXPECT_EQ(StatError(M("aa/2")), ENOENT);
  ASSERT_EQ(MakeDir(B("aa")), 0);
  ASSERT_EQ(Write(B("aa/2"), "2"), 0);
  EXPECT_TRUE(Soon([&] { return List(M("aa")) == (V{"1", "2"}) && See("aa/2") == "2"; }));
}

// T-e
TEST_F(TutorialTest, ADirectoryJoinsBeforeItWasLookedUp) {
  LayAndMount();
  ASSERT_EQ(MakeDir(B("aa")), 0);
  ASSERT_EQ(Write(B("aa/2"), "2"), 0);
  EXPECT_TRUE(Soon([&] { return List(M("aa")) == (V{"1", "2"}); }));
}

// T-f C1 N8
TEST_F(TutorialTest, AllWritesGoToTheUpper) {
  LayAndMount();
  ASSERT_EQ(Append(M("a.txt"), "+"), 0);
  ASSERT_EQ(Write(M("n.txt"), "n"), 0);
  ASSERT_EQ(MakeDir(M("nd")), 0);
  ASSERT_EQ(Remove(M("b.txt")), 0);
  ASSERT_EQ(Write(M("aa/new"), "new"), 0);
  EXPECT_EQ(List(M()), (V{"a.txt", "aa", "c.txt", "n.txt", "nd"}));
  ASSERT_TRUE(Unmount());
  EXPECT_EQ(List(A()), (V{"a.txt", "aa"}));
  EXPECT_EQ(Read(A("a.txt")), "a");
  EXPECT_EQ(List(A("aa")), V{"1"});
  EXPECT_EQ(List(B()), V{"b.txt"});
  EXPECT_EQ(Read(B("b.txt")), "b");
  EXPECT_EQ(List(C()), (V{"a.txt", "aa", "b.txt", "c.txt", "n.txt", "nd"}));
  EXPECT_EQ(Read(C("a.txt")), "a+");
  EXPECT_NE(GetXattr(C("a.txt"), "trusted.overlay.origin"), "");
  EXPECT_NE(GetXattr(C("aa"), "trusted.overlay.origin"), "");
  EXPECT_EQ(List(C("aa")), V{"new"});
  EXPECT_TRUE(IsWhiteout(C("b.txt")));
  int error = 0;
  GetXattr(C("nd"), "trusted.overlay.opaque", &error);
  EXPECT_EQ(error, ENODATA);
}

// T-g: as many as the kernel takes, and the tutorial's picture is the same.
TEST_F(TutorialTest, AsManyLayersAsTheKernelTakes) {
  for (size_t layers : {499, 500}) {
    std::string base = dir() + "/" + std::to_string(layers);
    MountPlan plan{{}, base + "/u", base + "/w", "", base + "/m", ""};
    for (size_t i = 0; i < layers; ++i) plan.lowers.push_back(base + "/" + std::to_string(i));
    for (const std::string& lower : plan.lowers) ASSERT_EQ(MakeDirs(lower), 0);
    for (const std::string& path : {plan.upper, plan.work, plan.mountpoint}) ASSERT_EQ(MakeDir(path), 0);
    ASSERT_EQ(Write(plan.lowers.front() + "/x", "top"), 0);
    ASSERT_EQ(Write(plan.lowers.back() + "/x", "bottom"), 0);
    ASSERT_EQ(Write(plan.lowers.back() + "/y", "bottom"), 0);
    for (bool kernel : {false, true}) {
      std::string error;
      auto mount = kernel ? LiveMount::Kernel(plan, &error)
                          : LiveMount::Program(PlyfsProgram(), plan, dir() + "/log", &error);
      ASSERT_NE(mount, nullptr) << error;
      EXPECT_EQ(List(plan.mountpoint), (V{"x", "y"}));
      EXPECT_EQ(Read(plan.mountpoint + "/x"), "top");
      EXPECT_EQ(Read(plan.mountpoint + "/y"), "bottom");
      EXPECT_TRUE(mount->Unmount(&error)) << error;
    }
  }
}

// T-g M8: the kernel stops at 500.
TEST_F(TutorialTest, MoreLayersThanTheKernelTakes) {
  MakeLayers(501);
  ASSERT_EQ(Write(Lower(0, "top"), "t"), 0);
  ASSERT_EQ(Write(Lower(500, "bottom"), "b"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(List(M()), (V{"bottom", "top"}));
  EXPECT_EQ(See("bottom"), "b");
  // Each of them is watched.
  EXPECT_EQ(StatError(M("late")), ENOENT);
  ASSERT_EQ(Write(Lower(499, "late"), "l"), 0);
  EXPECT_TRUE(Soon([&] { return See("late") == "l"; }));
}

}  // namespace
}  // namespace plyfs::test
