#include "engine/tree/number_claims.h"

#include <sys/stat.h>

#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace plyfs {
namespace {

ObjectId Upper(uint64_t ino) {
  return ObjectId{1, ino, 7};
}

InodeRef Known(Tree& tree, uint64_t ino) {
  InodeInit init;
  init.type = S_IFREG;
  init.upper = Upper(ino);
  return tree.inodes.Intern(Upper(ino), std::move(init));
}

// rules: L14
TEST(NumberClaims, TheFirstHasTheNumberForAsLongAsItIsKnown) {
  Tree tree;
  InodeRef first = Known(tree, 10);
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(10)));
  EXPECT_FALSE(tree.numbers.Claim(5, Upper(11)));
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(10)));
  EXPECT_TRUE(tree.numbers.Claim(6, Upper(11)));
  first = InodeRef();
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(11)));
}

TEST(NumberClaims, WhatIsCopiedUpKeepsItsNumber) {
  Tree tree;
  InodeRef other = Known(tree, 10), copied = Known(tree, 11);
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(10)));
  tree.numbers.Take(5, Upper(11));
  EXPECT_FALSE(tree.numbers.Claim(5, Upper(10)));
}

// rules: D10
TEST(NumberClaims, WhatWasListedWithItHasIt) {
  Tree tree;
  InodeRef other = Known(tree, 11);
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(11)));
  tree.numbers.Pin(5, Upper(10));
  EXPECT_FALSE(tree.numbers.Claim(5, Upper(11)));
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(10)));
  tree.numbers.Take(5, Upper(11));
  EXPECT_TRUE(tree.numbers.Claim(5, Upper(11)));
}

TEST(NumberClaims, WhatIsGoneIsNotKept) {
  Tree tree;
  InodeRef held = Known(tree, 1);
  EXPECT_TRUE(tree.numbers.Claim(1, Upper(1)));
  for (uint64_t i = 2; i < 10000; ++i) EXPECT_TRUE(tree.numbers.Claim(i, Upper(i)));
  EXPECT_LT(tree.numbers.size(), 2000u);
  EXPECT_FALSE(tree.numbers.Claim(1, Upper(2)));
}

}  // namespace
}  // namespace plyfs
