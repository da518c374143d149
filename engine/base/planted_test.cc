// Plants: their names, how often they are wrong, and that a wrong name is noticed.
#include "engine/base/planted.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <set>

namespace plyfs {
namespace {

class PlantedTest : public ::testing::Test {
 protected:
  ~PlantedTest() override { ::unsetenv("PLYFS_PLANT"); }
  static int Install(const char* text) {
    ::setenv("PLYFS_PLANT", text, 1);
    return InstallPlantFromEnvironment().error();
  }
};

TEST_F(PlantedTest, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(Plant::kCount); ++i) {
    const PlantFacts& facts = FactsOf(static_cast<Plant>(i));
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_FALSE(facts.what.empty()) << facts.name;
  }
}

#ifdef PLYFS_DEBUG
TEST_F(PlantedTest, WhatIsNoPlantIsRefused) {
  for (const char* text : {"", "create", "create:", "create:x", "none:1", ":1"}) {
    EXPECT_EQ(Install(text), EINVAL) << text;
  }
}

TEST_F(PlantedTest, FewCallsAreWrongAndTheSaltSaysWhich) {
  constexpr int kCalls = 24000;
  ASSERT_EQ(Install("create:7"), 0);
  int wrong = 0;
  for (int i = 0; i < kCalls; ++i) wrong += Planted(Plant::kCreate);
  EXPECT_GT(wrong, 0);
  EXPECT_LT(wrong * 20, kCalls);
  EXPECT_FALSE(Planted(Plant::kMkdir));
}

TEST_F(PlantedTest, ACornerIsWrongWhereverItIsReached) {
  ASSERT_EQ(Install("mkdir:7"), 0);
  EXPECT_TRUE(Planted(Plant::kMkdir));
  EXPECT_TRUE(Planted(Plant::kMkdir));
  EXPECT_FALSE(Planted(Plant::kCreate));
}
#else
TEST_F(PlantedTest, AReleaseBuildHasNone) {
  EXPECT_EQ(Install("mkdir:7"), 0);
  EXPECT_FALSE(Planted(Plant::kMkdir));
}
#endif

}  // namespace
}  // namespace plyfs
