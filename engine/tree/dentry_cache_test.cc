#include "engine/tree/dentry_cache.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace plyfs {
namespace {

using State = DentryCache::State;
Name N(const char* name) {
  return Name::Trusted(name);
}

TEST(DentryCache, OneLoadsTheOthersSeeLoading) {
  DentryCache cache;
  DentryCache::Ticket mine, other;
  EXPECT_EQ(cache.FindOrBegin(1, N("a"), &mine).state, State::kUnknown);
  EXPECT_EQ(cache.FindOrBegin(1, N("a"), &other).state, State::kLoading);
  EXPECT_TRUE(cache.Finish(mine, N("a"), {State::kPresent, 7}));
  auto found = cache.Find(1, N("a"));
  EXPECT_EQ(found.state, State::kPresent);
  EXPECT_EQ(found.node, 7u);
}

TEST(DentryCache, AChangeOverridesALoadInFlight) {
  DentryCache cache;
  DentryCache::Ticket ticket;
  cache.FindOrBegin(1, N("a"), &ticket);
  cache.SetPresent(1, N("a"), 9);
  EXPECT_FALSE(cache.Finish(ticket, N("a"), {State::kAbsent, 0}));
  EXPECT_EQ(cache.Find(1, N("a")).node, 9u);
  cache.Doubt(1, N("a"));
  cache.FindOrBegin(1, N("a"), &ticket);
  cache.Doubt(1, N("a"));
  EXPECT_FALSE(cache.Finish(ticket, N("a"), {State::kAbsent, 0}));
  EXPECT_EQ(cache.Find(1, N("a")).state, State::kUnknown);
}

TEST(DentryCache, OnlyTheLatestLoadIsBelieved) {
  for (NodeId before : {NodeId{0}, NodeId{7}}) {
    DentryCache cache;
    DentryCache::Ticket first, second;
    if (before != 0) cache.SetUnknown(1, N("a"), before);
    cache.FindOrBegin(1, N("a"), &first);
    cache.Doubt(1, N("a"));
    cache.FindOrBegin(1, N("a"), &second);
    EXPECT_FALSE(cache.Finish(first, N("a"), {State::kAbsent, 0}));
    cache.Abandon(first, N("a"));
    EXPECT_EQ(cache.Find(1, N("a")).state, State::kLoading);
    EXPECT_TRUE(cache.Finish(second, N("a"), {State::kPresent, 9}));
    EXPECT_FALSE(cache.Finish(second, N("a"), {State::kPresent, 9}));
  }
}

TEST(DentryCache, ASpellingIsSharedAndNeverAnotherName) {
  DentryCache cache;
  const LowerPath lower = LowerPath::FromString("dir/a");
  cache.SetPresent(1, N("a"), 7, lower);
  cache.SetPresent(1, N("b"), 8, lower);
  cache.SetPresent(1, N("b"), 8, lower);
  EXPECT_EQ(cache.Find(1, N("a")).node, 7u);
  EXPECT_EQ(cache.Find(1, N("b")).node, 8u);
  EXPECT_EQ(cache.size(), 2u);
  cache.SetPresent(1, N("a"), 7, LowerPath::FromString("elsewhere/a"));
  cache.Forget(1, "a", 7);
  cache.Forget(1, "b", 8);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(DentryCache, AnyNodeIsToldAsItWasGiven) {
  DentryCache cache;
  for (NodeId node : {NodeId{1}, NodeId{kMaxSlots - 1}, NodeId{0xffffffff} << 32 | 5,
                      NodeId{0xffffffff} << 32 | (kMaxSlots - 1)}) {
    cache.SetPresent(node, N("a"), node);
    EXPECT_EQ(cache.Find(node, N("a")).node, node);
    EXPECT_EQ(cache.Find(node, N("a")).state, State::kPresent);
  }
}

TEST(DentryCache, ADoubtedNameSaysWhomItLedTo) {
  DentryCache cache;
  DentryCache::Ticket ticket;
  cache.SetPresent(1, N("a"), 7);
  cache.Doubt(1, N("a"));
  EXPECT_EQ(cache.Find(1, N("a")).state, State::kUnknown);
  EXPECT_EQ(cache.Find(1, N("a")).node, 7u);
  cache.FindOrBegin(1, N("a"), &ticket);
  EXPECT_EQ(ticket.before, 7u);
  EXPECT_EQ(cache.Find(1, N("a")).node, 7u);
  auto doubted = cache.DoubtAll([](NodeId parent) { return parent == 1; });
  ASSERT_EQ(doubted.size(), 1u);
  EXPECT_FALSE(cache.Finish(ticket, N("a"), {State::kPresent, 8}));
  EXPECT_EQ(cache.Find(1, N("a")).node, 7u);
  EXPECT_EQ(cache.SetUnknown(1, N("a"), 8), 7u);
  EXPECT_EQ(cache.Find(1, N("a")).node, 8u);
}

TEST(DentryCache, NothingIsLeftOfANodeThatIsNoMore) {
  DentryCache cache;
  DentryCache::Ticket ticket;
  cache.SetPresent(1, N("a"), 7);
  cache.Doubt(1, N("a"));
  cache.Forget(1, "a", 6);
  EXPECT_EQ(cache.size(), 1u);
  cache.Forget(1, "a", 7);
  EXPECT_EQ(cache.size(), 0u);
  cache.SetPresent(1, N("a"), 7);
  cache.Doubt(1, N("a"));
  cache.FindOrBegin(1, N("a"), &ticket);
  cache.Forget(1, "a", 7);
  EXPECT_EQ(cache.Find(1, N("a")).node, 0u);
  EXPECT_TRUE(cache.Finish(ticket, N("a"), {State::kAbsent, 0}));
  // An answer that is not kept, of a name that leads nowhere, leaves nothing.
  cache.Doubt(1, N("a"));
  cache.FindOrBegin(1, N("a"), &ticket);
  EXPECT_TRUE(cache.Finish(ticket, N("a"), {State::kUnknown, 0}));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(DentryCache, AbsentBecomesPresentAfterCreate) {
  DentryCache cache;
  cache.SetAbsent(1, N("a"));
  EXPECT_EQ(cache.Find(1, N("a")).state, State::kAbsent);
  cache.SetPresent(1, N("a"), 3);
  EXPECT_EQ(cache.Find(1, N("a")).state, State::kPresent);
}

TEST(DentryCache, NegativeEntriesAreBounded) {
  DentryCache cache(1024);
  for (int i = 0; i < 100000; ++i) cache.SetAbsent(1, N(std::to_string(i).c_str()));
  EXPECT_LE(cache.size(), 1024u + 64);
  (void)cache.DoubtAll([](NodeId) { return true; });
  EXPECT_EQ(cache.size(), 0u);
}

TEST(DentryCache, WhatIsEvictedIsTold) {
  DentryCache cache(1024);
  std::set<std::string> told;
  cache.SetEvictionSink([&](NodeId parent, std::string_view name) {
    EXPECT_EQ(parent, 1u);
    told.emplace(name);
  });
  for (int i = 0; i < 10000; ++i) cache.SetAbsent(1, N(std::to_string(i).c_str()));
  for (int i = 0; i < 10000; ++i) {
    std::string name = std::to_string(i);
    bool kept = cache.Find(1, N(name.c_str())).state == State::kAbsent;
    EXPECT_NE(kept, told.contains(name)) << name;
  }
}

}  // namespace
}  // namespace plyfs
