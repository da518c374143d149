// Where an object is, as the log of slow requests tells it.
#include "engine/ops/whereabouts.h"

#include "engine/base/asked_layer.h"
#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class WhereaboutsTest : public UnionFixture {
 protected:
  void SetUp() override {
    UnionFixture::SetUp();
    if (IsSkipped()) return;
    Put("a/d/top", "a");
    Put("b/d/below", "b");
    Dir("b/only");
    Mount();
  }
  Whereabouts Of(const std::string& path, LayerId asked = AskedLayer::kNone) {
    return fs_->Describe(Walk(path), asked);
  }
};

TEST_F(WhereaboutsTest, TheLayerThatHoldsTheObject) {
  EXPECT_EQ(Of("d/below").path, "/d/below");
  EXPECT_EQ(Of("d/below").layer, "lowerdir=" + At("b"));
  EXPECT_EQ(Of("d/top").layer, "lowerdir=" + At("a"));
  EXPECT_EQ(Of("d").layer, "lowerdir=" + At("a"));
  EXPECT_EQ(Of("only").layer, "lowerdir=" + At("b"));
  EXPECT_EQ(Of("").path, "/");
  EXPECT_EQ(Of("").layer, "upperdir=" + At("u"));
}

TEST_F(WhereaboutsTest, TheLayerThatWasAskedLast) {
  EXPECT_EQ(Of("d", 1).layer, "lowerdir=" + At("b"));
  EXPECT_EQ(Of("d", kUpper).layer, "upperdir=" + At("u"));
}

TEST_F(WhereaboutsTest, FollowsCopyUpAndTheLossOfTheName) {
  NodeId node = Walk("d/below");
  EXPECT_EQ(Chmod("d/below", 0600), 0);
  EXPECT_EQ(fs_->Describe(node, AskedLayer::kNone).layer, "upperdir=" + At("u"));
  EXPECT_EQ(Unlink("d/below"), 0);
  EXPECT_EQ(fs_->Describe(node, AskedLayer::kNone).path, "?");
  EXPECT_EQ(fs_->Describe(NodeId{1} << 40, 0).path, "?");
}

TEST_F(WhereaboutsTest, ThreadsNoteWhatTheyAskOnlyWhereACellIsLent) {
  AskedLayer::Cell cell{AskedLayer::kNone};
  AskedLayer::Lend(&cell);
  Walk("only");
  EXPECT_EQ(cell.load(), 1);
  AskedLayer::Lend(nullptr);
  cell.store(AskedLayer::kNone);
  Walk("d/below");
  EXPECT_EQ(cell.load(), AskedLayer::kNone);
}

}  // namespace
}  // namespace plyfs
