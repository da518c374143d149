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

TEST(EbbTest, NotForSmallOnes) {
  Ebb ebb;
  EXPECT_FALSE(ebb.IsDue(Ebb::kLeast - 1));
  EXPECT_FALSE(ebb.IsDue(0));
}

}  // namespace
}  // namespace plyfs
