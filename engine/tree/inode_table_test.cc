#include "engine/tree/inode_table.h"

#include <gtest/gtest.h>

#include <thread>

namespace plyfs {
namespace {

struct World {
  DentryCache dentries;
  InodeTable table{dentries};
};

InodeInit File() {
  InodeInit init;
  init.type = S_IFREG;
  return init;
}

InodeInit Dir() {
  InodeInit init;
  init.type = S_IFDIR;
  return init;
}

TEST(InodeTable, TheFirstInodeIsTheRoot) {
  World w;
  EXPECT_EQ(w.table.Insert(Dir())->id(), kRootNode);
}

TEST(InodeTable, AnInodeLivesWhileTheClientHoldsIt) {
  World w;
  NodeId id;
  {
    InodeRef a = w.table.Intern({1, 2, 3}, File());
    id = a->id();
    w.table.AddLookup(*a);
    w.table.AddLookup(*a);
  }
  EXPECT_TRUE(w.table.Find(id));
  EXPECT_EQ(w.table.Intern({1, 2, 3}, File())->id(), id);
  w.table.Forget(id, 1);
  EXPECT_TRUE(w.table.Find(id));
  w.table.Forget(id, 1);
  EXPECT_FALSE(w.table.Find(id));
  EXPECT_EQ(w.table.size(), 0u);
}

TEST(InodeTable, ASlotIsReusedUnderAnotherGenerationOnly) {
  World w;
  NodeId first = w.table.Insert(File())->id();
  InodeRef second = w.table.Insert(File());
  EXPECT_EQ(static_cast<uint32_t>(second->id()), static_cast<uint32_t>(first));
  EXPECT_NE(second->id(), first);
  EXPECT_FALSE(w.table.Find(first));
}

TEST(InodeTable, AReusedNumberOfAnotherTypeIsAnotherInode) {
  World w;
  InodeRef file = w.table.Intern({1, 2, 0}, File());
  InodeRef dir = w.table.Intern({1, 2, 0}, Dir());
  EXPECT_NE(file->id(), dir->id());
}

TEST(InodeTable, ChildrenHoldTheirParentsAndADeepTreeIsDroppedWithoutRecursion) {
  World w;
  InodeRef at = w.table.Insert(Dir());
  for (int i = 0; i < 300000; ++i) {
    InodeRef child = w.table.Insert(Dir());
    child->AddName(at, "d");
    w.dentries.SetPresent(at->id(), Name::Trusted("d"), child->id());
    at = child;
  }
  EXPECT_EQ(w.table.size(), 300001u);
  at = InodeRef();
  EXPECT_EQ(w.table.size(), 0u);
  EXPECT_EQ(w.dentries.size(), 0u);
}

TEST(InodeTable, ManyThreadsInternAndForgetOneObject) {
  World w;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        InodeRef a = w.table.Intern({1, static_cast<uint64_t>(i % 7 + 1), 0}, File());
        w.table.AddLookup(*a);
        NodeId id = a->id();
        a = InodeRef();
        ASSERT_TRUE(w.table.Find(id));
        w.table.Forget(id, 1);
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(w.table.size(), 0u);
}

}  // namespace
}  // namespace plyfs
