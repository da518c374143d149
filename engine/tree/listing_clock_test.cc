#include "engine/tree/listing_clock.h"

#include <dirent.h>
#include <gtest/gtest.h>

namespace plyfs {
namespace {

struct World {
  DentryCache dentries;
  InodeTable inodes{dentries};
  LayerSetTable sets;
  ListingClock clock;

  InodeRef DirWithListing(int names) {
    InodeInit init;
    init.type = S_IFDIR;
    InodeRef dir = inodes.Insert(init);
    Read(dir, names);
    return dir;
  }
  void Read(const InodeRef& dir, int names) {
    LowerIndexBuilder builder;
    for (int i = 0; i < names; ++i) builder.Add(0, "name" + std::to_string(i), DT_REG, 1);
    auto listing = std::make_shared<MergedDir>(builder.Build(sets), 2);
    EXPECT_TRUE(dir->PublishListing(listing, dir->listing_version()));
    clock.Charge(dir, listing->bytes());
  }
};

TEST(ListingClock, StaysWithinItsLimit) {
  World w;
  w.clock.SetLimit(1 << 20);
  std::vector<InodeRef> dirs;
  for (int i = 0; i < 100; ++i) {
    dirs.push_back(w.DirWithListing(1000));
    EXPECT_LE(w.clock.bytes(), size_t{1} << 20);
  }
  size_t bytes = 0, kept = 0;
  for (const InodeRef& dir : dirs) {
    if (!dir->listing()) continue;
    ++kept;
    bytes += dir->listing()->bytes() + ListingClock::kPerDirectory;
  }
  EXPECT_GT(kept, 5u);
  EXPECT_LT(kept, 100u);
  EXPECT_EQ(bytes, w.clock.bytes());
}

TEST(ListingClock, WhatIsUsedStaysLonger) {
  World w;
  InodeRef used = w.DirWithListing(1000);
  w.clock.SetLimit(10 * used->listing()->bytes());
  std::vector<InodeRef> others;
  for (int i = 0; i < 50; ++i) {
    used->NoteListingUse();
    others.push_back(w.DirWithListing(1000));
  }
  EXPECT_TRUE(used->listing());
  EXPECT_FALSE(others.front()->listing());
}

TEST(ListingClock, OneThatIsTooLargeByItselfIsNotKept) {
  World w;
  w.clock.SetLimit(1000);
  InodeRef dir = w.DirWithListing(1000);
  EXPECT_FALSE(dir->listing());
  EXPECT_EQ(w.clock.bytes(), 0u);
}

TEST(ListingClock, ADirectoryIsChargedOnce) {
  World w;
  InodeRef dir = w.DirWithListing(1000);
  size_t bytes = w.clock.bytes();
  dir->DropListing();
  w.Read(dir, 1000);
  EXPECT_EQ(w.clock.bytes(), bytes);
}

TEST(ListingClock, ADirectoryThatTheClientForgotIsKeptWithItsListing) {
  World w;
  NodeId id = w.DirWithListing(1000)->id();
  ASSERT_TRUE(w.inodes.Find(id));
  EXPECT_TRUE(w.inodes.Find(id)->listing());
}

TEST(ListingClock, DirectoriesThatLostTheirListingAreLetGo) {
  World w;
  InodeRef kept = w.DirWithListing(10);
  for (int i = 0; i < 100; ++i) w.DirWithListing(10)->DropListing();
  for (int i = 0; i < 40; ++i) w.clock.Charge(kept, kept->listing()->bytes());
  EXPECT_EQ(w.clock.bytes(), kept->listing()->bytes() + ListingClock::kPerDirectory);
  EXPECT_EQ(w.inodes.size(), 1u);
}

TEST(ListingClock, RemovedDirectoriesAreLetGo) {
  World w;
  NodeId id = w.DirWithListing(10)->id();
  w.clock.Drop(*w.inodes.Find(id));
  EXPECT_FALSE(w.inodes.Find(id));
  InodeRef removed = w.DirWithListing(10);
  removed->MarkUnlinked();
  w.Read(removed, 10);
  EXPECT_EQ(w.clock.bytes(), 0u);
}

TEST(ListingClock, ForgottenDirectoriesMayBeReleasedAtOnce) {
  World w;
  InodeRef known = w.DirWithListing(10);
  w.inodes.AddLookup(*known);
  for (int i = 0; i < 10; ++i) w.DirWithListing(10);
  EXPECT_EQ(w.clock.ReleaseForgotten(), 10u);
  EXPECT_EQ(w.inodes.size(), 1u);
  EXPECT_TRUE(known->listing());
  w.inodes.Forget(known->id(), 1);
}

}  // namespace
}  // namespace plyfs
