#include "engine/base/budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

namespace plyfs {
namespace {

TEST(Budget, AllOrNothingUpToTheLimit) {
  Budget budget(10);
  EXPECT_TRUE(budget.TryCharge(7));
  EXPECT_FALSE(budget.TryCharge(4));
  EXPECT_EQ(budget.used(), 7u);
  EXPECT_TRUE(budget.TryCharge(3));
  EXPECT_FALSE(budget.TryCharge(1));
  EXPECT_TRUE(budget.TryCharge(0));
  budget.Credit(5);
  EXPECT_TRUE(budget.TryCharge(5));
  EXPECT_EQ(budget.over(), 0u);
}

TEST(Budget, ForcedChargesShowAsExcess) {
  Budget budget(10);
  budget.Charge(13);
  EXPECT_EQ(budget.over(), 3u);
  EXPECT_FALSE(budget.TryCharge(0));
  budget.Credit(13);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Budget, HugeAmountsDoNotWrap) {
  Budget budget(10);
  ASSERT_TRUE(budget.TryCharge(5));
  EXPECT_FALSE(budget.TryCharge(std::numeric_limits<uint64_t>::max()));
  EXPECT_FALSE(budget.TryCharge(std::numeric_limits<uint64_t>::max() - 4));
  EXPECT_EQ(budget.used(), 5u);
}

TEST(Budget, ManyThreadsNeverPassTheLimit) {
  constexpr uint64_t kLimit = 1000;
  Budget budget(kLimit);
  std::atomic<uint64_t> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        if (budget.TryCharge(1)) ++granted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted, kLimit);
  EXPECT_EQ(budget.used(), kLimit);
}

}  // namespace
}  // namespace plyfs
