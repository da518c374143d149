// What is held without a name beyond the descriptors that there are for it.
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

class PinsTest : public CoherenceTest {};

// N18: a removed directory, which no other directory can keep, is not pinned beyond the budget: who holds it
// finds it gone, and nobody else goes without descriptors.
TEST_F(PinsTest, RemovedDirectoriesBeyondTheBudgetAreGone) {
  ByHand("mkdir u/1 u/2");
  Mount(LowerMode::kFrozen);
  parts_->pin_budget = 1;
  const NodeId first = Walk("1"), second = Walk("2");
  ASSERT_TRUE(ops::RemoveDir(*parts_, kRootNode, Name::Trusted("1")).ok());
  ASSERT_TRUE(ops::RemoveDir(*parts_, kRootNode, Name::Trusted("2")).ok());
  EXPECT_EQ(parts_->pins, 1);
  EXPECT_TRUE(ops::GetAttr(*parts_, first, 0).ok());
  EXPECT_EQ(ops::GetAttr(*parts_, second, 0).error(), ESTALE);
  ops::Forget(*parts_, first, 1);
  EXPECT_EQ(parts_->pins, 0);
}

// N19: what can never have a name again cannot be kept by one in W/work.
TEST_F(PinsTest, FilesThatMayNotBeLinkedAreRefusedBeyondTheBudget) {
  Mount(LowerMode::kFrozen);
  parts_->pin_budget = 1;
  const uint32_t flags = O_RDWR | O_TMPFILE | O_EXCL;
  Result<Created> first = ops::TmpFile(*parts_, Caller(), kRootNode, 0600, flags);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(ops::TmpFile(*parts_, Caller(), kRootNode, 0600, flags).error(), ENFILE);
  EXPECT_TRUE(ops::TmpFile(*parts_, Caller(), kRootNode, 0600, O_RDWR | O_TMPFILE).ok());
  ops::Release(*parts_, first->opened.handle);
  ops::Forget(*parts_, first->entry.node, 1);
  EXPECT_TRUE(ops::TmpFile(*parts_, Caller(), kRootNode, 0600, flags).ok());
}

}  // namespace
}  // namespace plyfs
