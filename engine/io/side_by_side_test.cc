#include "engine/io/side_by_side.h"

#include <gtest/gtest.h>

#include <barrier>
#include <set>

namespace plyfs {
namespace {

TEST(SideBySideTest, EachIsDoneOnce) {
  SideBySide many(4);
  for (size_t count : {0u, 1u, 7u, 33u, 1000u}) {
    std::vector<std::atomic<int>> done(count);
    many.ForEach(count, SideBySide::Waits::kHardly, [&](size_t i) { ++done[i]; });
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
}

TEST(SideBySideTest, WhatWaitsIsDoneAtOnce) {
  SideBySide many(1);
  std::barrier all(16);  // nobody gets on before 16 have come
  many.ForEach(16, SideBySide::Waits::kMostly, [&](size_t) { all.arrive_and_wait(); });
  EXPECT_EQ(many.started(), 15u);
}

TEST(SideBySideTest, LittleWorkStartsNoThread) {
  SideBySide many(4);
  std::set<std::thread::id> threads;
  many.ForEach(31, SideBySide::Waits::kHardly, [&](size_t) { threads.insert(std::this_thread::get_id()); });
  EXPECT_EQ(threads, std::set<std::thread::id>{std::this_thread::get_id()});
  EXPECT_EQ(many.started(), 0u);
}

TEST(SideBySideTest, OneProcessorNeedsNone) {
  SideBySide many(1);
  many.ForEach(1000, SideBySide::Waits::kHardly, [](size_t) {});
  EXPECT_EQ(many.started(), 0u);
}

TEST(SideBySideTest, WhoComesWhileTheyAreTakenWorksAlone) {
  SideBySide many(1);
  std::barrier both(2);
  many.ForEach(2, SideBySide::Waits::kMostly, [&](size_t i) {
    both.arrive_and_wait();
    if (i == 1) {
      std::set<std::thread::id> threads;
      many.ForEach(10, SideBySide::Waits::kMostly,
                   [&](size_t) { threads.insert(std::this_thread::get_id()); });
      EXPECT_EQ(threads.size(), 1u);
    }
    both.arrive_and_wait();
  });
}

TEST(SideBySideTest, FromManyThreadsAtOnce) {
  SideBySide many(3);
  std::vector<std::thread> callers;
  std::atomic<size_t> done{0};
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        many.ForEach(100, SideBySide::Waits::kHardly, [&](size_t) { ++done; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 8u * 50 * 100);
}

TEST(SideBySideTest, FaultsOfTheCallerHoldForThem) {
  struct Always : FaultHook {
    int Before(Op) override { return EIO; }
  } hook;
  SideBySide many(1);
  ScopedFaults faults(&hook);
  std::atomic<int> failed{0};
  std::barrier all(4);
  many.ForEach(4, SideBySide::Waits::kMostly, [&](size_t) {
    all.arrive_and_wait();
    failed += FaultAt(Op::kOpen) == EIO;
  });
  EXPECT_EQ(failed, 4);
}

}  // namespace
}  // namespace plyfs
