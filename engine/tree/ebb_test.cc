#include "engine/tree/ebb.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

TEST(EbbTest, EachTimeTheTreeHasHalved) {
  Ebb ebb;
  EXPECT_FALSE(ebb.IsDue(100'000));
  EXPECT_FALSE(ebb.IsDue(50'001));
  EXPECT_TRUE(ebb.IsDue(50'000));
  EXPECT_FALSE(ebb.IsDue(50'000));
  EXPECT_FALSE(ebb.IsDue(30'000));
  EXPECT_TRUE(ebb.IsDue(20'000));
  EXPECT_FALSE(ebb.IsDue(60'000)) << "grown again";
  EXPECT_TRUE(ebb.IsDue(1));
}

// What is left of a large tree keeps as many pages as it has inodes, so it is followed to its end.
TEST(EbbTest, UntilNextToNothingIsLeft) {
  Ebb ebb;
  EXPECT_FALSE(ebb.IsDue(2 * Ebb::kLeast));
  size_t most = 2 * Ebb::kLeast;
  for (; most >= Ebb::kLeastLeft; most /= 2) {
    EXPECT_FALSE(ebb.IsDue(most / 2 + 1)) << most;
    EXPECT_TRUE(ebb.IsDue(most / 2)) << most;
  }
  EXPECT_FALSE(ebb.IsDue(most / 2));
  // It is a small one then.
  EXPECT_FALSE(ebb.IsDue(Ebb::kLeast - 1));
  EXPECT_FALSE(ebb.IsDue(1));
}

TEST(EbbTest, NotForSmallOnes) {
  Ebb ebb;
  EXPECT_FALSE(ebb.IsDue(Ebb::kLeast - 1));
  EXPECT_FALSE(ebb.IsDue(0));
}

}  // namespace
}  // namespace plyfs
