#include "engine/base/tally.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace plyfs {
namespace {

TEST(Tally, AddsUpWhatMoreThreadsCountThanItHasSlots) {
  Tally tally;
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) tally.Add();
      tally.Add(5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tally.total(), 20u * 1005);
}

}  // namespace
}  // namespace plyfs
