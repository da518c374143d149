#include "tests/crash/state.h"

#include <gtest/gtest.h>

namespace plyfs::crash {
namespace {

TEST(StateTest, DifferencesAreNamed) {
  const State one = {{"a", {"mode", "size 1"}}, {"b", {"mode", ""}}};
  State other = one;
  EXPECT_EQ(DifferenceOf(one, other), "");
  other["b"].what = "another";
  EXPECT_EQ(DifferenceOf(one, other), "b: expected mode ; found another ");
  other = one;
  other["c"] = {"new", ""};
  EXPECT_EQ(DifferenceOf(one, other), "c: expected absent; found new ");
}

// A file of which a stretch was written is forgiven; another file, or attributes that are neither, are not.
TEST(StateTest, OnlyDataThatTheActChangesIsForgiven) {
  const State before = {{"f", {"mode", "size 1"}}, {"g", {"mode", "size 1"}}};
  State after = before;
  after["f"].data = "size 9";
  State found = before;
  found["f"].data = "size 4";
  ForgiveChangedData(before, after, before, &found);
  EXPECT_EQ(DifferenceOf(before, found), "");
  found["g"].data = "size 4";
  ForgiveChangedData(before, after, before, &found);
  EXPECT_NE(DifferenceOf(before, found), "");
  found = before;
  found["f"] = {"another mode", "size 4"};
  ForgiveChangedData(before, after, before, &found);
  EXPECT_NE(DifferenceOf(before, found), "");
}

}  // namespace
}  // namespace plyfs::crash
