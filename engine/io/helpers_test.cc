#include "engine/io/helpers.h"

#include <gtest/gtest.h>

#include <barrier>
#include <set>

namespace plyfs {
namespace {

TEST(HelpersTest, EachIsDoneOnce) {
  Helpers helpers(4);
  for (size_t count : {0u, 1u, 7u, 33u, 1000u}) {
    std::vector<std::atomic<int>> done(count);
    helpers.ForEach(count, Helpers::Waits::kHardly, [&](size_t i) { ++done[i]; });
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
}

TEST(HelpersTest, WhatWaitsIsDoneAtOnce) {
  Helpers helpers(1);
  std::barrier all(16);  // nobody gets on before 16 have come
  helpers.ForEach(16, Helpers::Waits::kMostly, [&](size_t) { all.arrive_and_wait(); });
  EXPECT_EQ(helpers.started(), 15u);
}

TEST(HelpersTest, LittleWorkStartsNoThread) {
  Helpers helpers(4);
  std::set<std::thread::id> threads;
  helpers.ForEach(31, Helpers::Waits::kHardly, [&](size_t) { threads.insert(std::this_thread::get_id()); });
  EXPECT_EQ(threads, std::set<std::thread::id>{std::this_thread::get_id()});
  EXPECT_EQ(helpers.started(), 0u);
}

TEST(HelpersTest, OneProcessorNeedsNone) {
  Helpers helpers(1);
  helpers.ForEach(1000, Helpers::Waits::kHardly, [](size_t) {});
  EXPECT_EQ(helpers.started(), 0u);
}

TEST(HelpersTest, WhoComesWhileTheyAreTakenWorksAlone) {
  Helpers helpers(1);
  std::barrier both(2);
  helpers.ForEach(2, Helpers::Waits::kMostly, [&](size_t i) {
    both.arrive_and_wait();
    if (i == 1) {
      std::set<std::thread::id> threads;
      helpers.ForEach(10, Helpers::Waits::kMostly, [&](size_t) { threads.insert(std::this_thread::get_id()); });
      EXPECT_EQ(threads.size(), 1u);
    }
    both.arrive_and_wait();
  });
}

TEST(HelpersTest, FromManyThreadsAtOnce) {
  Helpers helpers(3);
  std::vector<std::thread> callers;
  std::atomic<size_t> done{0};
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        helpers.ForEach(100, Helpers::Waits::kHardly, [&](size_t) { ++done; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 8u * 50 * 100);
}

TEST(HelpersTest, FaultsOfTheCallerHoldForThem) {
  struct Always : FaultHook {
    int Before(Op) override { return EIO; }
  } hook;
  Helpers helpers(1);
  ScopedFaults faults(&hook);
  std::atomic<int> failed{0};
  std::barrier all(4);
  helpers.ForEach(4, Helpers::Waits::kMostly, [&](size_t) {
    all.arrive_and_wait();
    failed += FaultAt(Op::kOpen) == EIO;
  });
  EXPECT_EQ(failed, 4);
}

}  // namespace
}  // namespace plyfs
