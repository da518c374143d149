// The model against kernel overlayfs: the same layers and the same random operations, and then the same
// answers, the same merged tree, before and after a remount, and the same upper directory.
//
// PLYFS_MODEL_SEED and PLYFS_MODEL_SEEDS choose the first seed and how many there are.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/model/side_by_side.h"
#include "tests/mount/mount_fixture.h"

namespace plyfs::model {
namespace {

std::string Try(const std::string& bytes, bool* given_up = nullptr) {
  ScratchStack stack;
  SideBySide sides(&stack, {});
  const std::optional<Wrong> wrong = sides.Go(CaseFor(bytes, {}));
  if (given_up) *given_up = sides.given_up();
  return wrong ? wrong->text : "";
}

unsigned FromEnvironment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}

// rules: L1-L13 X5 D1 S7 S8 C1 C9 C15 N1-N18 R1-R16 A6 A7
TEST(ModelKernelTest, TheModelSaysWhatTheKernelDoes) {
  const std::string why_not = test::WhyNoMounts();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  const unsigned first = FromEnvironment("PLYFS_MODEL_SEED", 1),
                 seeds = FromEnvironment("PLYFS_MODEL_SEEDS", 300);
  unsigned given_up = 0;
  for (unsigned seed = first; seed < first + seeds; ++seed) {
    const std::string bytes = RandomCase(seed);
    bool gave_up = false;
    const std::string wrong = Try(bytes, &gave_up);
    given_up += gave_up;
    if (wrong.empty()) continue;
    const std::string few = ShrinkCase(bytes, [](const std::string& b) { return !Try(b).empty(); });
    FAIL() << "seed " << seed << "\n" << ToText(DecodeCase(few)) << Try(few);
  }
  EXPECT_LT(given_up, seeds / 2) << "too many cases lead to refusals of the kernel's";
}

}  // namespace
}  // namespace plyfs::model
