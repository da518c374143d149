// The fixture itself, on kernel overlayfs where the result is known, and one round with plyfs.
#include "tests/mount/mount_fixture.h"

#include <unistd.h>

#include <cerrno>

namespace plyfs::test {
namespace {

class MountFixtureTest : public MountFixture {
 protected:
  // rules: L1 L4 L5 N8
  void FillTwoLayers() {
    MakeLayers(2);
    ASSERT_EQ(Write(Lower(0, "both"), "top"), 0);
    ASSERT_EQ(Write(Lower(1, "both"), "bottom"), 0);
    ASSERT_EQ(Write(Lower(1, "hidden"), "x"), 0);
    ASSERT_EQ(MakeWhiteout(Lower(0, "hidden")), 0);
    ASSERT_EQ(MakeDir(Lower(0, "opaque")), 0);
    ASSERT_EQ(MakeOpaque(Lower(0, "opaque")), 0);
    ASSERT_EQ(MakeDirs(Lower(1, "opaque/below")), 0);
  }

  void ExpectMerged() {
    EXPECT_EQ(List(M()), (std::vector<std::string>{"both", "opaque"}));
    EXPECT_EQ(Read(M("both")), "top");
    EXPECT_EQ(StatError(M("hidden")), ENOENT);
    EXPECT_TRUE(List(M("opaque")).empty());
    EXPECT_EQ(Remove(M("both")), 0);
    EXPECT_EQ(Write(M("new"), "n"), 0);
  }

  void ExpectUpper() {
    EXPECT_TRUE(IsWhiteout(U("both")));
    EXPECT_EQ(Read(U("new")), "n");
    EXPECT_EQ(List(U()), (std::vector<std::string>{"both", "new"}));
  }
};

TEST_F(MountFixtureTest, Kernel) {
  FillTwoLayers();
  ASSERT_TRUE(MountKernel("redirect_dir=on,index=off"));
  ExpectMerged();
  ASSERT_TRUE(Unmount());
  EXPECT_TRUE(List(M()).empty());
  ExpectUpper();
}

TEST_F(MountFixtureTest, Plyfs) {
  FillTwoLayers();
  ASSERT_TRUE(MountPlyfs());
  EXPECT_NE(mount()->daemon(), 0);
  ExpectMerged();
  ASSERT_TRUE(Unmount());
  EXPECT_TRUE(List(M()).empty());
  ExpectUpper();
}

TEST_F(MountFixtureTest, KernelTakesFiveHundredLayers) {  // M8
  MakeLayers(500);
  ASSERT_EQ(Write(Lower(499, "deep"), "d"), 0);
  ASSERT_TRUE(MountKernel());
  EXPECT_EQ(Read(M("deep")), "d");
}

TEST_F(MountFixtureTest, KernelRefusesMore) {  // M8
  MakeLayers(501);
  EXPECT_FALSE(MountKernel());
}

TEST_F(MountFixtureTest, ReportsWhyAMountFailed) {
  MakeLayers(1);
  ASSERT_EQ(Remove(W()), 0);
  ::testing::AssertionResult kernel = MountKernel();
  EXPECT_FALSE(kernel);
  EXPECT_STRNE(kernel.message(), "");
  ASSERT_EQ(MakeDir(W()), 0);
}

TEST_F(MountFixtureTest, ProgramThatEndsAtOnceIsAFailure) {
  MakeLayers(1);
  MountPlan plan;
  plan.lowers = {Lower(0)};
  plan.mountpoint = M();
  std::string error;
  EXPECT_EQ(LiveMount::Program("/bin/false", plan, dir() + "/log", &error), nullptr);
  EXPECT_EQ(error, "exit status 1: ");
  EXPECT_EQ(LiveMount::Program("/nonexistent", plan, dir() + "/log", &error), nullptr);
}

}  // namespace
}  // namespace plyfs::test
