#include "engine/tree/merged_dir.h"

#include <dirent.h>
#include <gtest/gtest.h>

namespace plyfs {
namespace {

LayerSetTable& Sets() {
  static LayerSetTable sets;
  return sets;
}

std::shared_ptr<const LowerIndex> Index(std::initializer_list<const char*> names) {
  LowerIndexBuilder builder;
  uint64_t ino = 100;
  for (const char* name : names) builder.Add(0, name, 8, ino++);
  return builder.Build(Sets());
}

std::vector<std::string> Names(const MergedDir& dir, uint64_t view, Cookie after = 0, size_t limit = 1000) {
  std::vector<std::string> names;
  for (const auto& row : dir.Read(view, after, limit)) names.push_back(row.name);
  return names;
}

using V = std::vector<std::string>;

TEST(LowerIndex, HigherLayersAndWhiteoutsHide) {
  LowerIndexBuilder builder;
  builder.Add(0, "a", 8, 1);
  builder.AddWhiteout(0, "b");
  EXPECT_FALSE(builder.Add(1, "a", 4, 2));
  EXPECT_FALSE(builder.Add(1, "b", 8, 3));
  EXPECT_TRUE(builder.Add(1, "c", 8, 4));
  auto index = builder.Build(Sets());
  ASSERT_EQ(index->size(), 2u);
  EXPECT_EQ(index->name(0), "a");
  EXPECT_EQ(index->entry(0).ino, 1u);
  EXPECT_FALSE(index->Find(Name::Trusted("b")));
  EXPECT_EQ(index->Find(Name::Trusted("c")), 1u);
}

// rules: L6 L7
TEST(LowerIndex, TellsWhichLayersADirectoryMayBeMergedFrom) {
  LowerIndexBuilder builder;
  builder.Add(0, "d", DT_DIR, 1);
  builder.Add(0, "alone", DT_DIR, 2);
  builder.Add(0, "f", DT_REG, 3);
  builder.Add(3, "d", DT_DIR, 4);
  builder.Add(3, "f", DT_DIR, 5);
  builder.Add(3, "ended", DT_DIR, 6);
  builder.Add(5, "ended", DT_DIR, 7);
  builder.Add(7, "d", DT_DIR, 8);
  builder.Add(7, "ended", DT_REG, 9);
  builder.Add(8, "ended", DT_DIR, 10);
  auto index = builder.Build(Sets());
  auto set = [&](const char* name) { return index->set(index->entry(*index->Find(Name::Trusted(name)))); };
  ASSERT_TRUE(set("d"));
  EXPECT_EQ(set("d")->layers(), (std::vector<LayerId>{0, 3, 7}));
  ASSERT_TRUE(set("ended"));
  EXPECT_EQ(set("ended")->layers(), (std::vector<LayerId>{3, 5}));
  EXPECT_FALSE(set("alone"));
  EXPECT_FALSE(set("f"));
}

TEST(LowerIndex, TellsWhichCopiesHoldAnything) {
  const LowerIndexBuilder::Known plain{true, false}, empty{true, true};
  LowerIndexBuilder builder;
  for (LayerId layer = 0; layer < 6; ++layer) {
    builder.Add(layer, "thin", DT_DIR, 1, layer == 3 ? plain : empty);
    builder.Add(layer, "none", DT_DIR, 2, empty);
    builder.Add(layer, "full", DT_DIR, 3, layer == 3 ? empty : plain);
    builder.Add(layer, "records", DT_DIR, 4, layer == 3 ? LowerIndexBuilder::Known() : empty);
  }
  auto index = builder.Build(Sets());
  auto filled = [&](const char* name) {
    return index->filled(index->entry(*index->Find(Name::Trusted(name))));
  };
  ASSERT_TRUE(filled("thin"));
  EXPECT_EQ(filled("thin")->layers(), std::vector<LayerId>{3});
  ASSERT_TRUE(filled("none"));
  EXPECT_TRUE(filled("none")->empty());
  EXPECT_FALSE(filled("full"));  // nearly all: not worth a set
  EXPECT_FALSE(filled("records"));
}

TEST(LowerIndex, AWhiteoutEndsADirectory) {
  LowerIndexBuilder builder;
  builder.Add(0, "d", DT_DIR, 1);
  builder.Add(1, "d", DT_DIR, 2);
  builder.AddWhiteout(2, "d");
  builder.Add(3, "d", DT_DIR, 3);
  auto index = builder.Build(Sets());
  const LayerSet* set = index->set(index->entry(0));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->layers(), (std::vector<LayerId>{0, 1}));
}

TEST(MergedDir, FindTellsWhoHoldsAName) {
  MergedDir dir(Index({"a", "b"}), 2);
  Name a = Name::Trusted("a"), b = Name::Trusted("b"), c = Name::Trusted("c");
  EXPECT_TRUE(dir.Find(a).lower);
  EXPECT_FALSE(dir.Find(c).anyone());
  dir.Insert("a", DT_REG, 1);
  EXPECT_TRUE(dir.Find(a).upper);
  EXPECT_FALSE(dir.Find(a).lower);
  EXPECT_TRUE(dir.Find(a).entry);
  dir.Remove("b");
  EXPECT_FALSE(dir.Find(b).anyone());
  EXPECT_TRUE(dir.Find(b).entry);
}

TEST(LowerIndex, AtMostAHundredBytesAName) {
  LowerIndexBuilder builder;
  for (int i = 0; i < 100000; ++i) builder.Add(0, "some_file_name_" + std::to_string(i), 8, i);
  auto index = builder.Build(Sets());
  EXPECT_LT(index->bytes() / index->size(), 100u);
  EXPECT_TRUE(index->Find(Name::Trusted("some_file_name_77777")));
}

// rules: D4
TEST(MergedDir, AViewSeesNeitherLaterBirthsNorLaterDeaths) {
  MergedDir dir(Index({"a", "b"}), 2);
  dir.Insert("u", 8, 1);
  uint64_t view = dir.PinView();
  dir.Insert("later", 8, 2);
  dir.Remove("a");
  dir.Remove("u");
  EXPECT_EQ(Names(dir, view), (V{"a", "b", "u"}));
  uint64_t fresh = dir.PinView();
  EXPECT_EQ(Names(dir, fresh), (V{"b", "later"}));
}

// rules: D6
TEST(MergedDir, CookiesStayTrueUnderChange) {
  MergedDir dir(Index({"a", "b", "c"}), 2);
  for (int i = 0; i < 10; ++i) dir.Insert("u" + std::to_string(i), 8, 10 + i);
  uint64_t view = dir.PinView();
  auto rows = dir.Read(view, 0, 100);
  ASSERT_EQ(rows.size(), 13u);
  for (int i = 0; i < 10; i += 2) dir.Remove("u" + std::to_string(i));
  dir.Insert("b", 4, 77);
  for (size_t i = 0; i < rows.size(); ++i) {
    auto rest = dir.Read(view, rows[i].cookie, 100);
    ASSERT_EQ(rest.size(), rows.size() - 1 - i);
    if (!rest.empty()) EXPECT_EQ(rest[0].name, rows[i + 1].name);
  }
}

TEST(MergedDir, ARecreatedNameGetsANewCookie) {
  MergedDir dir(Index({"a"}), 2);
  Cookie first = dir.Read(dir.PinView(), 0, 1)[0].cookie;
  dir.Remove("a");
  dir.Insert("a", 8, 5);
  auto rows = dir.Read(dir.PinView(), 0, 10);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_GT(rows[0].cookie, first);
  EXPECT_EQ(dir.count(), 1u);
  EXPECT_GT(dir.next_cookie(), rows[0].cookie);
}

TEST(MergedDir, DeadEntriesAreCompactedButNotUnderAView) {
  MergedDir dir(nullptr, 2);
  dir.Insert("keep", 8, 1);
  uint64_t view = dir.PinView();
  for (int i = 0; i < 1000; ++i) {
    dir.Insert("x", 8, i);
    dir.Remove("x");
  }
  EXPECT_EQ(Names(dir, view), (V{"keep"}));
  dir.UnpinView(view);
  EXPECT_EQ(Names(dir, dir.PinView()), (V{"keep"}));
  EXPECT_TRUE(dir.Find(Name::Trusted("keep")).anyone());
  EXPECT_FALSE(dir.Find(Name::Trusted("x")).anyone());
}

}  // namespace
}  // namespace plyfs
