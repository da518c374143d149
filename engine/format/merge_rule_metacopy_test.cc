// Files whose data lies elsewhere: metacopy and data-only layers (L16-L18, L20).
#include <gtest/gtest.h>

#include "engine/format/merge_rule.h"
#include "engine/format/merge_rule_testing.h"

namespace plyfs {
namespace {

TEST(MergeRuleMetacopy, L16DataLiesInTheNextRegularFile) {
  Lookup lookup{.lowers = {{{"a", Meta()}}, {}, {{"a", File()}}},
                .upper = Layer{{"a", Meta()}},
                .rules = WithMetacopy()};
  auto merged = lookup.Run("a");
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(merged->type, MergedType::kFile);
  EXPECT_FALSE(merged->data_path);
  EXPECT_EQ(lookup.seen, "U:a");
  EXPECT_EQ(lookup.metadata, "L0:a");
  EXPECT_EQ(lookup.data, "L2:a");
}

TEST(MergeRuleMetacopy, L16DataByRedirect) {
  Lookup lookup{
      .lowers = {{{"a", File()}, {"x", Dir()}, {"x/b", MetaTo("c")}}, {{"x", Dir()}, {"x/c", File()}}},
      .upper = Layer{{"a", MetaTo("/x/b")}},
      .rules = WithMetacopy()};
  ASSERT_TRUE(lookup.Run("a").ok());
  EXPECT_EQ(lookup.seen + "|" + lookup.metadata + "|" + lookup.data, "U:a|L0:x/b|L1:x/c");
}

TEST(MergeRuleMetacopy, RedirectOfAFileWithoutMetacopyMeansNothing) {
  Finding file = File();
  file.redirect = "a/b";
  ExpectSeen({.lowers = {{}}, .upper = Layer{{"a", file}}, .rules = WithMetacopy()}, "a", "U:a");
}

TEST(MergeRuleMetacopy, L17MetacopyOffIsEperm) {
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", File()}}}, .upper = Layer{{"a", Meta()}}}, "a"), EPERM);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", Meta()}}, {{"a", File()}}}}, "a"), EPERM);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", Meta()}}}}, "a"), EPERM);
}

TEST(MergeRuleMetacopy, L17NoDataIsEio) {
  EXPECT_EQ(ErrorOf({.lowers = {{}}, .upper = Layer{{"a", Meta()}}, .rules = WithMetacopy()}, "a"), EIO);
  for (const Finding& below : {Dir(), Symlink(), Whiteout(), Xwhiteout(), Meta()}) {
    EXPECT_EQ(ErrorOf({.lowers = {{{"a", Meta()}}, {{"a", below}}}, .rules = WithMetacopy()}, "a"), EIO);
  }
}

TEST(MergeRuleMetacopy, L17HiddenMetacopyFilesDoNotMatter) {
  ExpectSeen({.lowers = {{{"a", Meta()}}}, .upper = Layer{{"a", File()}}}, "a", "U:a");
  ExpectSeen({.lowers = {{{"a", Meta()}}}, .upper = Layer{{"a", Whiteout()}}}, "a", "");
}

TEST(MergeRuleMetacopy, L20LowestLayerReachesDataLayersWithoutAnyOption) {
  for (bool follow : {false, true}) {
    Lookup lookup{.lowers = {{}, {{"a", MetaTo("/d/x")}}},
                  .upper = Layer{},
                  .rules = {.follow_redirects = follow, .data_layers = true}};
    auto merged = lookup.Run("a");
    ASSERT_TRUE(merged.ok()) << merged.error();
    EXPECT_EQ(merged->type, MergedType::kFile);
    EXPECT_EQ(merged->data_path, "/d/x");
    EXPECT_EQ(lookup.seen, "L1:a");
  }
}

TEST(MergeRuleMetacopy, L20OtherLayersNeedMetacopy) {
  const std::vector<Layer> lowers = {{{"a", MetaTo("/d/x")}}, {{"b", Dir()}}};
  EXPECT_EQ(ErrorOf({.lowers = lowers, .rules = {.data_layers = true}}, "a"), EPERM);
  Lookup lookup{.lowers = lowers, .rules = {.metacopy = true, .data_layers = true}};
  auto merged = lookup.Run("a");
  ASSERT_TRUE(merged.ok()) << merged.error();
  EXPECT_EQ(merged->data_path, "/d/x");
}

// As kernel 6.18 does it: the redirect last asked for is that of /d, which has none.
TEST(MergeRuleMetacopy, L20ADirectoryOnTheWayCutsOffTheDataLayers) {
  const MergeRules rules{.metacopy = true, .data_layers = true};
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", MetaTo("/d/x")}}, {{"d", Dir()}}}, .rules = rules}, "a"), EIO);
}

TEST(MergeRuleMetacopy, L20OnlyByAnAbsoluteRedirect) {
  MergeRules rules{.metacopy = true, .data_layers = true};
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", MetaTo("x")}}}, .rules = rules}, "a"), EIO);
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", Meta()}}}, .rules = rules}, "a"), EIO);
  // The chain goes through a lower file, whose own record would have to lead on.
  EXPECT_EQ(ErrorOf({.lowers = {{{"a", MetaTo("/b")}}, {{"b", Meta()}}}, .rules = rules}, "a"), EIO);
}

TEST(MergeRuleMetacopy, L20UpperMetacopyFollowsItsLowersRedirect) {
  Lookup lookup{.lowers = {{{"a", MetaTo("/d")}}},
                .upper = Layer{{"a", Meta()}},
                .rules = {.metacopy = true, .data_layers = true}};
  auto merged = lookup.Run("a");
  ASSERT_TRUE(merged.ok()) << merged.error();
  EXPECT_EQ(merged->data_path, "/d");
  EXPECT_EQ(lookup.metadata, "L0:a");
}

}  // namespace
}  // namespace plyfs
