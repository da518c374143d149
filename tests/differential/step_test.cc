// Steps and replay files as text, and that a seed decides everything.
#include "tests/differential/step.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/differential/generator.h"
#include "tests/differential/replay.h"

namespace plyfs::diff {
namespace {

Snapshot SmallTree() {
  Snapshot tree;
  for (const char* dir : {"", "a", "a/b"}) tree[dir].sight.stx.stx_mode = S_IFDIR | 0755;
  for (const char* file : {"d", "a/e", "a/b/f"}) tree[file].sight.stx.stx_mode = S_IFREG | 0644;
  tree["c"].sight.stx.stx_mode = S_IFLNK | 0777;
  tree["d"].xattrs["user.u1"] = "x";
  return tree;
}

std::vector<Step> Draw(uint64_t seed, size_t n) {
  Generator generator(seed, SmallTree(), /*userxattr=*/false);
  std::vector<Step> steps;
  while (steps.size() < n) {
    steps.push_back(generator.Next());
    generator.Observe(steps.back(), 0);
  }
  return steps;
}

TEST(Step, TextRoundTripOfEveryOperation) {
  std::vector<bool> seen(kOps);
  for (const Step& step : Draw(1, 5000)) {
    seen[static_cast<size_t>(step.op)] = true;
    const std::string line = FormatStep(step);
    const auto back = ParseStep(line);
    ASSERT_TRUE(back) << line;
    ASSERT_EQ(*back, step) << line << "\n" << FormatStep(*back);
  }
  for (int op = 0; op < kOps; ++op) EXPECT_TRUE(seen[static_cast<size_t>(op)]) << OpName(static_cast<Op>(op));
}

TEST(Step, OddBytes) {
  Step step;
  step.op = Op::kSetxattr;
  step.path = "new name/%=";
  step.value = std::string("\0\n\xff x", 5);
  EXPECT_EQ(FormatStep(step).find('\n'), std::string::npos);
  EXPECT_EQ(ParseStep(FormatStep(step)), step);
}

TEST(Step, ModesAreOctal) {
  Step step;
  step.op = Op::kMkdir;
  step.path = "a";
  step.a = 02755;
  step.b = 022;
  EXPECT_EQ(FormatStep(step), "mkdir path=a a=02755 b=022");
}

TEST(Step, RefusesWhatIsNoStep) {
  for (const char* line : {"", "frob path=a", "mkdir a", "mkdir a=x", "mkdir slot=6", "mkdir slot=-1",
                           "mkdir user=4", "mkdir path=%4", "mkdir path=%zz", "mkdir what=1"}) {
    EXPECT_FALSE(ParseStep(line)) << line;
  }
}

TEST(Generator, SameSeedSameSteps) {
  const auto text = [](uint64_t seed) {
    std::string lines;
    for (const Step& step : Draw(seed, 500)) lines += FormatStep(step) + "\n";
    return lines;
  };
  EXPECT_EQ(text(7), text(7));
  EXPECT_NE(text(7), text(8));
}

TEST(World, SameSeedSameEntries) {
  const auto text = [](uint64_t seed) {
    std::string lines;
    for (const Entry& e : MakeWorld({seed, 5}).entries) lines += Describe(e) + "\n";
    return lines;
  };
  EXPECT_EQ(text(3), text(3));
  EXPECT_NE(text(3), text(4));
}

TEST(Replay, RoundTrip) {
  RunPlan plan;
  plan.world = {42, 3};
  plan.redirect = true;
  plan.dropped = {1, 5};
  plan.fixed = Draw(2, 50);
  RunPlan back;
  EXPECT_EQ(ParseReplay(FormatReplay(plan), &back), "");
  EXPECT_EQ(back.world.seed, 42u);
  EXPECT_EQ(back.world.lowers, 3);
  EXPECT_TRUE(back.redirect);
  EXPECT_EQ(back.dropped, plan.dropped);
  EXPECT_TRUE(back.fixed == plan.fixed);
  EXPECT_EQ(ParseReplay("# x\nworld seed=1 lowers=2 redirect=0\nnonsense\n", &back), "line 3: not a step");
}

}  // namespace
}  // namespace plyfs::diff
