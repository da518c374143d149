#include "engine/format/lower_path.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

TEST(LowerPath, SpellsWhatWasBuilt) {
  LowerPath root;
  EXPECT_EQ(root.ToString(), ".");
  LowerPath abc = root.Child("a").Child("bb").Child("c");
  EXPECT_EQ(abc.ToString(), "a/bb/c");
  EXPECT_EQ(abc.last(), "c");
  EXPECT_EQ(abc.Parent().ToString(), "a/bb");
  EXPECT_TRUE(LowerPath::FromString("a/bb/c") == abc);
  EXPECT_TRUE(LowerPath::FromString("").is_root());
}

TEST(LowerPath, VeryDeepPathsAreFreedWithoutRecursion) {
  LowerPath at;
  for (int i = 0; i < 1000000; ++i) at = at.Child("x");
  at = LowerPath();
  EXPECT_TRUE(at.is_root());
}

}  // namespace
}  // namespace plyfs
