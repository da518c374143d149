// Whole runs of the kernel against itself: equal where it is equal, and different where a difference was
// planted: in options, or behind the back of one side.
#include "tests/differential/run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <functional>

#include "tests/differential/upper_check.h"
#include "tests/mount/mount_fixture.h"

namespace plyfs::diff {
namespace {

class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = test::WhyNoMounts();
    if (!why.empty()) GTEST_SKIP() << why;
    dir_ = test::MakeTestDir();
    ASSERT_FALSE(dir_.empty());
  }
  void TearDown() override {
    if (!dir_.empty()) {
      EXPECT_EQ(test::RemoveTree(dir_), 0);
    }
  }

  RunResult Go(uint64_t seed, bool redirect, const std::string& planted,
               std::vector<std::string> lines = {}) {
    RunPlan plan;
    plan.world.seed = seed;
    plan.redirect = redirect;
    plan.steps = 150;
    plan.against.options = planted;
    plan.dir = dir_;
    if (!lines.empty()) plan.fixed.emplace();
    for (const std::string& line : lines) plan.fixed->push_back(ParseStep(line).value());
    return Perform(plan, &masks_, &table_);
  }

  // Two equal sets of layers that no mount has seen.
  void MakeTwins() {
    for (auto [name, dirs] : {std::pair{"/1", &first_}, {"/2", &second_}}) {
      ASSERT_EQ(test::MakeDir(dir_ + name), 0);
      ASSERT_TRUE(MakeDirs(dir_ + name, 2, dirs));
      ASSERT_EQ(test::MakeDirs(dirs->upper + "/d/e"), 0);
      ASSERT_EQ(test::Write(dirs->upper + "/f", "data"), 0);
      ASSERT_EQ(test::MakeWhiteout(dirs->upper + "/w"), 0);
    }
  }

  std::string dir_;
  Masks masks_;
  Table table_;
  Dirs first_, second_;
};

TEST_F(RunTest, KernelAgreesWithItself) {
  for (const bool redirect : {false, true}) {
    const RunResult result = Go(1, redirect, "");
    EXPECT_FALSE(result.difference) << result.difference->text;
    EXPECT_EQ(result.steps.size(), 150u);
  }
}

TEST_F(RunTest, FindsPlantedOptions) {
  const RunResult index = Go(1, false, "index=on");
  ASSERT_TRUE(index.difference);
  const RunResult dirty = Go(1, false, "volatile", {"remount"});
  ASSERT_TRUE(dirty.difference);
  EXPECT_EQ(dirty.difference->kind, "mount");
}

TEST_F(RunTest, ProgramThatDoesNotMount) {
  RunPlan plan;
  plan.against.program = "/bin/false";
  plan.dir = dir_;
  const RunResult result = Perform(plan, &masks_, &table_);
  ASSERT_TRUE(result.difference);
  EXPECT_EQ(result.difference->kind, "mount");
}

TEST_F(RunTest, FindsWhatOnlyTheUpperShows) {
  // A metadata-only copy-up looks the same through both mounts.
  std::vector<std::string> chmods;
  for (const std::string& name : Alphabet()) chmods.push_back("chmod path=" + name + " a=0640");
  size_t found = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const RunResult result = Go(seed, true, "metacopy=on", chmods);
    if (!result.difference) continue;  // no lower file at the top of this world
    EXPECT_EQ(result.difference->kind.substr(0, 5), "upper") << result.difference->text;
    ++found;
  }
  EXPECT_GT(found, 0u);
}

TEST_F(RunTest, UpperCheckTellsTwinsApart) {
  struct {
    const char* kind;
    std::function<int()> change;
  } const changes[] = {
      {"upper name", [&] { return test::Remove(second_.upper + "/w"); }},
      {"upper object", [&] { return chmod((second_.upper + "/f").c_str(), 0600); }},
      {"upper object", [&] { return test::Write(second_.upper + "/f", "atad"); }},
      {"upper xattrs", [&] { return test::MakeOpaque(second_.upper + "/d"); }},
      {"upper origin", [&] { return test::SetXattr(second_.upper + "/f", "trusted.overlay.origin", ""); }},
      {"workdir", [&] { return test::Write(second_.work + "/left", ""); }},
      {"", [&] { return chmod((second_.upper + "/w").c_str(), 0700); }},
      {"", [&] { return test::SetXattr(second_.upper + "/d", "trusted.overlay.impure", "y"); }},
  };
  const int64_t start = time(nullptr) - 10;
  for (const auto& [kind, change] : changes) {
    MakeTwins();
    const UpperCheck check(first_, second_, /*userxattr=*/false, start);
    ASSERT_FALSE(check.Compare());
    ASSERT_EQ(change(), 0) << kind;
    const auto d = check.Compare();
    EXPECT_EQ(d ? d->kind : "", kind) << (d ? d->text : "");
    first_ = second_ = {};
    ASSERT_EQ(test::RemoveTree(dir_ + "/1") + test::RemoveTree(dir_ + "/2"), 0);
  }
}

TEST_F(RunTest, EntriesCanBeLeftOut) {
  const World world = MakeWorld({1, 2});
  std::set<size_t> all;
  for (size_t i = 0; i < world.entries.size(); ++i) all.insert(i);
  MakeTwins();
  EXPECT_EQ(WriteWorld(world, all, first_), "");
  for (const std::string& lower : first_.lowers) EXPECT_TRUE(test::List(lower).empty());
}

}  // namespace
}  // namespace plyfs::diff
