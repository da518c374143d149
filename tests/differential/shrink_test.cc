// The shrinker, on lists whose smallest failing subset is known.
#include "tests/differential/shrink.h"

#include <gtest/gtest.h>

#include <numeric>

namespace plyfs::diff {
namespace {

using List = std::vector<int>;

List UpTo(int n) {
  List list(static_cast<size_t>(n));
  std::iota(list.begin(), list.end(), 0);
  return list;
}

bool Holds(const List& list, int x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

TEST(Shrink, FindsTheOneElement) {
  for (int culprit : {0, 1, 57, 98, 99}) {
    EXPECT_EQ(Shrink<int>(UpTo(100), 1000, [&](const List& l) { return Holds(l, culprit); }), List{culprit});
  }
}

TEST(Shrink, KeepsOrderOfSeveral) {
  const auto fails = [](const List& l) { return Holds(l, 3) && Holds(l, 40) && Holds(l, 77); };
  EXPECT_EQ(Shrink<int>(UpTo(100), 1000, fails), (List{3, 40, 77}));
}

TEST(Shrink, NothingNeededGivesNothing) {
  EXPECT_TRUE(Shrink<int>(UpTo(64), 1000, [](const List&) { return true; }).empty());
}

TEST(Shrink, EverythingNeededStays) {
  EXPECT_EQ(Shrink<int>(UpTo(9), 1000, [](const List&) { return false; }), UpTo(9));
}

TEST(Shrink, StopsWhenTriesRunOut) {
  size_t asked = 0;
  const List left = Shrink<int>(UpTo(100), 5, [&](const List& l) {
    ++asked;
    return Holds(l, 50);
  });
  EXPECT_EQ(asked, 5u);
  EXPECT_TRUE(Holds(left, 50));
}

TEST(Shrink, OfOneAndOfNone) {
  EXPECT_TRUE(Shrink<int>({}, 10, [](const List&) { return true; }).empty());
  EXPECT_EQ(Shrink<int>({7}, 10, [](const List& l) { return !l.empty(); }), List{7});
}

}  // namespace
}  // namespace plyfs::diff
