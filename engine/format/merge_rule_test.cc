#include "engine/format/merge_rule.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "engine/format/merge_rule_testing.h"

namespace plyfs {
namespace {

TEST(MergeRule, FoundOfKnowsWhiteouts) {
  EXPECT_EQ(FoundOf(S_IFCHR, 0, 0, 0), Found::kWhiteout);
  EXPECT_EQ(FoundOf(S_IFCHR | 0700, 0, 0, 0), Found::kWhiteout);
  EXPECT_EQ(FoundOf(S_IFCHR, 0, 1, 0), Found::kSpecial);
  EXPECT_EQ(FoundOf(S_IFBLK, 0, 0, 0), Found::kSpecial);
  EXPECT_EQ(FoundOf(S_IFREG, 0, 0, 0), Found::kEmptyRegular);
  EXPECT_EQ(FoundOf(S_IFREG, 0, 0, 1), Found::kRegular);
  EXPECT_EQ(FoundOf(S_IFDIR, 0, 0, 0), Found::kDirectory);
  EXPECT_EQ(FoundOf(S_IFLNK, 0, 0, 0), Found::kSpecial);
}

TEST(MergeRule, AbsentEverywhere) {
  ExpectSeen({.lowers = {{}, {}}, .upper = Layer{}}, "a", "");
}

TEST(MergeRule, L1L3TopmostFileWins) {
  ExpectSeen({.lowers = {{{"a", File()}}, {{"a", Dir()}}}}, "a", "L0:a");
  ExpectSeen({.lowers = {{{"a", File()}}}, .upper = Layer{{"a", Symlink()}}}, "a", "U:a");
  ExpectSeen({.lowers = {{}, {{"a", File()}}}, .upper = Layer{}}, "a", "L1:a");
}

TEST(MergeRule, L4WhiteoutEndsTheSearch) {
  ExpectSeen({.lowers = {{{"a", File()}}}, .upper = Layer{{"a", Whiteout()}}}, "a", "");
  ExpectSeen({.lowers = {{{"a", Xwhiteout()}}, {{"a", File()}}}}, "a", "");
  const Finding empty{.found = Found::kEmptyRegular};
  ExpectSeen({.lowers = {{{"a", empty}}, {{"a", File()}}}}, "a", "L0:a");
}

TEST(MergeRule, L6DirectoriesMerge) {
  ExpectSeen({.lowers = {{{"a", Dir()}}, {}, {{"a", Dir()}}}, .upper = Layer{{"a", Dir()}}}, "a",
             "U:a L0:a L2:a");
}

TEST(MergeRule, L5OpaqueIsTheLastOfTheMerge) {
  Lookup lookup{.lowers = {{{"a", OpaqueDir()}}, {{"a", Dir()}}}, .upper = Layer{{"a", Dir()}}};
  ASSERT_TRUE(lookup.Run("a").ok());
  EXPECT_EQ(lookup.seen, "U:a L0:a");
  EXPECT_TRUE(lookup.opaque);
}

TEST(MergeRule, XwhiteoutDirectoriesMerge) {
  const Finding x{.found = Found::kDirectory, .opaque = Opaque::kHasXwhiteouts};
  ExpectSeen({.lowers = {{{"a", x}}, {{"a", Dir()}}}}, "a", "L0:a L1:a");
}

TEST(MergeRule, L7MergeEndsAtAnythingElse) {
  for (const Finding& between : {File(), Symlink(), Whiteout(), Xwhiteout(), Meta()}) {
    ExpectSeen({.lowers = {{{"a", Dir()}}, {{"a", between}}, {{"a", Dir()}}}}, "a", "L0:a");
  }
}

TEST(MergeRule, L8LowestLayersRecordsAreNotRead) {
  // A value that would be an error anywhere else.
  ExpectSeen({.lowers = {{{"a", DirTo("a/b")}}}}, "a", "L0:a");
  ExpectSeen({.lowers = {{}, {{"a", DirTo("..")}}}, .upper = Layer{{"a", Dir()}}}, "a", "U:a L1:a");
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("a/b")}}, {}}}, "a"), EINVAL);
}

TEST(MergeRule, L9OnlyTheParentsLayersAreAsked) {
  ExpectSeen({.lowers = {{{"p/a", Dir()}}, {{"p/a", Dir()}}, {{"p/a", Dir()}}},
              .parent = "p",
              .parent_layers = {0, 2}},
             "a", "L0:p/a L2:p/a");
}

TEST(MergeRule, L10RelativeRedirectStaysInTheParent) {
  ExpectSeen({.lowers = {{{"p/b", Dir()}, {"p/a", Dir()}}, {{"p/b", Dir()}}},
              .upper = Layer{{"p/a", DirTo("b")}},
              .parent = "p"},
             "a", "U:p/a L0:p/b L1:p/b");
}

TEST(MergeRule, L10EachRedirectCountsForTheLayersBelow) {
  ExpectSeen(
      {.lowers = {{{"b", DirTo("c")}}, {{"b", Dir()}, {"c", Dir()}}}, .upper = Layer{{"a", DirTo("b")}}}, "a",
      "U:a L0:b L1:c");
}

TEST(MergeRule, L10AbsoluteRedirectLeavesTheParentsStack) {
  // The parent joined layer 1 only; the root's stack goes on below the holder.
  ExpectSeen(
      {.lowers = {{{"x/y", Dir()}, {"x", Dir()}}, {{"p/a", DirTo("/x/y")}}, {{"x", Dir()}, {"x/y", Dir()}}},
       .parent = "p",
       .parent_layers = {1}},
      "a", "L1:p/a L2:x/y");
  ExpectSeen({.lowers = {{{"x", Dir()}, {"x/y", Dir()}}, {}},
              .upper = Layer{{"p/a", DirTo("/x/y")}},
              .parent = "p",
              .parent_layers = {1}},
             "a", "U:p/a L0:x/y");
}

TEST(MergeRule, L10OpaqueWinsOverRedirect) {
  Finding both = DirTo("b");
  both.opaque = Opaque::kYes;
  ExpectSeen({.lowers = {{{"b", Dir()}}}, .upper = Layer{{"a", both}}}, "a", "U:a");
}

TEST(MergeRule, RelativeAfterAbsoluteReplacesTheLastComponent) {
  ExpectSeen({.lowers = {{{"x", Dir()}, {"x/y", DirTo("longer")}}, {{"x", Dir()}, {"x/longer", Dir()}}},
              .upper = Layer{{"a", DirTo("/x/y")}}},
             "a", "U:a L0:x/y L1:x/longer");
  ExpectSeen({.lowers = {{{"x", Dir()}, {"x/long", DirTo("s")}}, {{"x", Dir()}, {"x/s", Dir()}}},
              .upper = Layer{{"a", DirTo("/x/long")}}},
             "a", "U:a L0:x/long L1:x/s");
}

TEST(MergeRule, L11IntermediateRedirectChangesThePathBelow) {
  ExpectSeen({.lowers = {{{"a", DirTo("/c")}, {"a/b", Dir()}},
                         {{"c", Dir()}, {"c/b", Dir()}, {"a", Dir()}, {"a/b", Dir()}}},
              .upper = Layer{{"m", DirTo("/a/b")}}},
             "m", "U:m L0:a/b L1:c/b");
  ExpectSeen({.lowers = {{{"d", Dir()}, {"d/a", DirTo("cc")}, {"d/a/b", Dir()}},
                         {{"d", Dir()}, {"d/cc", Dir()}, {"d/cc/b", Dir()}}},
              .upper = Layer{{"m", DirTo("/d/a/b")}}},
             "m", "U:m L0:d/a/b L1:d/cc/b");
}

TEST(MergeRule, L11IntermediateRedirectCountsEvenWhereTheObjectIsAbsent) {
  ExpectSeen(
      {.lowers = {{{"a", DirTo("c")}}, {{"c", Dir()}, {"c/b", Dir()}}}, .upper = Layer{{"m", DirTo("/a/b")}}},
      "m", "U:m L1:c/b");
}

TEST(MergeRule, L11OpaqueOnTheWayIsTheLastLayer) {
  ExpectSeen({.lowers = {{{"a", OpaqueDir()}, {"a/b", Dir()}}, {{"a", Dir()}, {"a/b", Dir()}}},
              .upper = Layer{{"m", DirTo("/a/b")}}},
             "m", "U:m L0:a/b");
  ExpectSeen({.lowers = {{{"a", OpaqueDir()}}, {{"a", Dir()}, {"a/b", Dir()}}},
              .upper = Layer{{"m", DirTo("/a/b")}}},
             "m", "U:m");
}

TEST(MergeRule, AbsoluteRedirectLeadsOutOfAnOpaqueDirectory) {
  ExpectSeen({.lowers = {{{"a", OpaqueDir()}, {"a/b", DirTo("/c")}}, {{"c", Dir()}}},
              .upper = Layer{{"m", DirTo("/a/b")}}},
             "m", "U:m L0:a/b L1:c");
  ExpectSeen({.lowers = {{{"a", OpaqueDir()}, {"a/b", DirTo("c")}}, {{"a", Dir()}, {"a/c", Dir()}}},
              .upper = Layer{{"m", DirTo("/a/b")}}},
             "m", "U:m L0:a/b");
}

TEST(MergeRule, L11WhiteoutOrFileOnTheWayEndsTheSearch) {
  for (const Finding& between : {Whiteout(), Xwhiteout(), File(), Symlink(), Meta()}) {
    ExpectSeen(
        {.lowers = {{{"a", between}}, {{"a", Dir()}, {"a/b", Dir()}}}, .upper = Layer{{"m", DirTo("/a/b")}}},
        "m", "U:m");
  }
  ExpectSeen({.lowers = {{}, {{"a", Dir()}, {"a/b", Dir()}}}, .upper = Layer{{"m", DirTo("/a/b")}}}, "m",
             "U:m L1:a/b");
}

TEST(MergeRule, L12NoFollowIsEperm) {
  EXPECT_EQ(
      ErrorOf({.lowers = {{{"b", Dir()}}}, .upper = Layer{{"a", DirTo("b")}}, .rules = NoFollow()}, "a"),
      EPERM);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("/b")}}, {}}, .rules = NoFollow()}, "a"), EPERM);
  ExpectSeen({.lowers = {{{"a", DirTo("b")}}}, .rules = NoFollow()}, "a", "L0:a");
}

TEST(MergeRule, L13BadValuesFailTheLookup) {
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("")}}, {}}}, "a"), EINVAL);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("/a//b")}}, {}}}, "a"), EINVAL);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("..")}}, {}}}, "a"), EACCES);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo(std::string("\0a", 2))}}, {}}}, "a"), EACCES);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("/.")}}, {}}}, "a"), EACCES);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", DirTo("b/..")}}, {}}, .rules = NoFollow()}, "a"), EINVAL);
}

TEST(MergeRule, L13DotsFailWhereTheWalkMeetsThem) {
  const Layer upper = {{"a", DirTo("/b/../c")}};
  EXPECT_EQ(ErrorOf({.lowers = {{{"b", Dir()}}}, .upper = upper}, "a"), EACCES);
  ExpectSeen({.lowers = {{}}, .upper = upper}, "a", "U:a");
  EXPECT_EQ(ErrorOf({.lowers = {{{"b", Dir()}}}, .upper = upper, .rules = NoFollow()}, "a"), EPERM);
}

TEST(MergeRule, L13TargetsOfOtherTypesMergeNothing) {
  for (const Finding& target : {File(), Symlink(), Whiteout()}) {
    ExpectSeen({.lowers = {{{"b", target}}, {{"b", Dir()}}}, .upper = Layer{{"a", DirTo("/b")}}}, "a", "U:a");
  }
}

TEST(MergeRule, WantsOnlyWhatCanMatter) {
  MergeRules rules{.lowest = 1};
  MergeFold fold(rules, "a");
  ASSERT_TRUE(fold.BeginLayer(0, false).ok());
  EXPECT_EQ(fold.Wanted(Found::kDirectory), (WantedRecords{.opaque = true, .redirect = true}));
  EXPECT_EQ(fold.Wanted(Found::kRegular), (WantedRecords{.metacopy = true, .redirect = true}));
  EXPECT_EQ(fold.Wanted(Found::kSpecial), WantedRecords{});
  EXPECT_EQ(fold.Wanted(Found::kAbsent), WantedRecords{});
  ASSERT_TRUE(fold.Add(Dir()).ok());
  ASSERT_TRUE(fold.BeginLayer(1, true).ok());
  EXPECT_EQ(fold.Wanted(Found::kDirectory), WantedRecords{});
  EXPECT_EQ(fold.Wanted(Found::kRegular), WantedRecords{});
  EXPECT_EQ(fold.Wanted(Found::kEmptyRegular), (WantedRecords{.whiteout = true}));
}

TEST(MergeRule, LongHostilePathsStayHarmless) {
  const std::string long_path = "/" + std::string(300, 'n') + "/" + std::string(60000, 'm');
  ExpectSeen({.lowers = {{}, {{"a", Dir()}}}, .upper = Layer{{"a", DirTo(long_path)}}}, "a", "U:a");
}

}  // namespace
}  // namespace plyfs
