#include "engine/tree/inode_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
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

TEST(InodeTable, WhatIsNotInADirectoryIsForgottenWithIt) {
  World w;
  InodeRef stays = w.table.Insert(Dir());
  w.dentries.SetAbsent(stays->id(), Name::Trusted("absent"));
  constexpr int kDirs = 10000, kNamesEach = 10;
  for (int i = 0; i < kDirs; ++i) {
    InodeRef dir = w.table.Insert(Dir());
    for (int j = 0; j < kNamesEach; ++j) {
      w.dentries.SetAbsent(dir->id(), Name::Trusted("n" + std::to_string(j)));
    }
  }
  EXPECT_LT(w.dentries.size(), 3000u);
  EXPECT_EQ(w.dentries.Find(stays->id(), Name::Trusted("absent")).state, DentryCache::State::kAbsent);
}

TEST(InodeTable, ASlotIsReusedUnderAnotherGenerationOnly) {
  World w;
  NodeId first = w.table.Insert(File())->id();
  InodeRef second = w.table.Insert(File());
  EXPECT_EQ(static_cast<uint32_t>(second->id()), static_cast<uint32_t>(first));
  EXPECT_NE(second->id(), first);
  EXPECT_FALSE(w.table.Find(first));
}

TEST(InodeTable, SlotsOfWhatHasGoneAreGivenBackAndNoNumberComesTwice) {
  World w;
  InodeRef root = w.table.Insert(Dir());
  std::set<NodeId> gone;
  for (int round = 0; round < 3; ++round) {
    std::vector<InodeRef> files;
    for (int i = 0; i < 20000; ++i) {
      files.push_back(w.table.Intern({1, static_cast<uint64_t>(i + 1), 0}, File()));
      ASSERT_TRUE(gone.insert(files.back()->id()).second);
      ASSERT_EQ(w.table.Find(files.back()->id()), files.back());
    }
    const size_t many = w.table.bytes();
    InodeRef kept = files[10000];
    files.clear();
    w.table.Shrink();
    EXPECT_LT(w.table.bytes(), many / 10);
    EXPECT_EQ(w.table.Find(kept->id()), kept);
    EXPECT_EQ(w.table.FindObject({1, 10001, 0}), kept);
    for (NodeId id : gone) ASSERT_EQ(bool(w.table.Find(id)), id == kept->id());
    size_t seen = 0;
    w.table.Visit([&](const InodeRef&) { ++seen; });
    EXPECT_EQ(seen, 2u);
  }
}

TEST(InodeTable, SlotsAreGivenBackWhileOthersLook) {
  World w;
  InodeRef root = w.table.Insert(Dir());
  std::atomic<NodeId> latest{root->id()};
  std::atomic<bool> done{false};
  std::thread looks([&] {
    while (!done) {
      (void)w.table.Find(latest);
      w.table.Visit([](const InodeRef&) {});
      w.table.EvictAttrs(0);
    }
  });
  for (int round = 0; round < 20; ++round) {
    std::vector<InodeRef> files;
    for (int i = 0; i < 10000; ++i) {
      files.push_back(w.table.Insert(File()));
      latest = files.back()->id();
    }
    files.clear();
    w.table.Shrink();
  }
  done = true;
  looks.join();
  EXPECT_EQ(w.table.size(), 1u);
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

// A hand has moved q out of p and p into q, and the tree hears of the latter first.
TEST(InodeTable, NoDirectoryIsBeneathItself) {
  World w;
  InodeRef root = w.table.Insert(Dir()), p = w.table.Insert(Dir()), q = w.table.Insert(Dir()),
           r = w.table.Insert(Dir());
  w.table.NameDirectory(*p, root, "p");
  w.table.NameDirectory(*q, p, "q");
  w.table.NameDirectory(*r, q, "r");
  w.dentries.SetPresent(p->id(), Name::Trusted("q"), q->id());
  w.table.NameDirectory(*p, r, "p");
  EXPECT_EQ(p->Parent(), r);
  EXPECT_EQ(r->Parent(), q);
  EXPECT_FALSE(q->Parent());
  EXPECT_EQ(w.dentries.Find(p->id(), Name::Trusted("q")).node, 0u);
  w.table.NameDirectory(*q, root, "q");
  w.table.NameDirectory(*q, q, "itself");
  EXPECT_EQ(q->Parent(), root);
  EXPECT_EQ(p->Parent(), r);
}

// Two threads find the directory to be now this object, now that one; it goes, and neither leads to it.
TEST(InodeTable, RekeyedByTwoAtOnceItIsKnownByNoneOnceItHasGone) {
  World w;
  for (int i = 0; i < 3000; ++i) {
    InodeRef dir = w.table.Intern({1, 1, 0}, Dir());
    std::thread other([&] { w.table.Rekey(*dir, {1, 2, 0}); });
    w.table.Rekey(*dir, {1, 3, 0});
    other.join();
    dir = InodeRef();
    for (uint64_t ino : {1, 2, 3}) ASSERT_FALSE(w.table.FindObject({1, ino, 0}));
  }
  EXPECT_EQ(w.table.size(), 0u);
}

// D10: nobody else is to be told the number that goes with the client's last lookup.
TEST(InodeTable, ItsNumberChangesOnlyWhereTheClientDoesNotKnowIt) {
  World w;
  InodeRef a = w.table.Intern({1, 2, 3}, File());
  EXPECT_TRUE(w.table.Renumber(*a, 5));
  EXPECT_FALSE(w.table.Renumber(*a, 5));
  w.table.AddLookup(*a);
  w.table.AddLookup(*a);
  EXPECT_TRUE(a->StoreAttr(0, Attr()));
  EXPECT_FALSE(w.table.Renumber(*a, 6));
  EXPECT_FALSE(w.table.Forget(a->id(), 1, 6));
  EXPECT_EQ(a->st_ino(), 5u);
  EXPECT_TRUE(w.table.Forget(a->id(), 1, 6));
  EXPECT_EQ(a->st_ino(), 6u);
  EXPECT_EQ(a->CachedAttr()->ino, 6u);
  EXPECT_FALSE(w.table.Forget(a->id(), 1, 7));  // it was forgotten before
  EXPECT_EQ(a->st_ino(), 6u);
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

TEST(InodeTable, AttributesThatNobodyAsksForGoFirst) {
  World w;
  std::vector<InodeRef> files;
  for (int i = 0; i < 100; ++i) {
    files.push_back(w.table.Insert(File()));
    EXPECT_TRUE(files.back()->StoreAttr(0, Attr()));
  }
  EXPECT_EQ(w.table.attrs(), 100u);
  w.table.EvictAttrs(100);
  EXPECT_EQ(w.table.attrs(), 100u);
  // They were all just stored: one turn of the hand spares them.
  for (int i = 0; i < 7; ++i) w.table.EvictAttrs(50);
  EXPECT_EQ(w.table.attrs(), 100u);
  for (size_t i = 0; i < 100; i += 4) EXPECT_TRUE(files[i]->CachedAttr());
  for (int i = 0; i < 7; ++i) w.table.EvictAttrs(50);
  EXPECT_LE(w.table.attrs(), 50u);
  EXPECT_GT(w.table.attrs(), 25u);
  for (size_t i = 0; i < 100; i += 4) EXPECT_TRUE(files[i]->CachedAttr()) << i;
  // What is evicted has not changed.
  EXPECT_TRUE(files[1]->StoreAttr(0, Attr()));
  files[1]->DropAttr();
  EXPECT_FALSE(files[1]->StoreAttr(0, Attr()));
  files.clear();
  EXPECT_EQ(w.table.attrs(), 0u);
}

TEST(InodeTable, AFileRemembersTheLowerOneThatItWasCopiedFrom) {
  World w;
  InodeInit init = File();
  init.lower = LowerAnchor{3, LowerPath::FromString("d/f"), {1, 2, 3}};
  init.data = LowerAnchor{4, LowerPath::FromString("e/g"), {4, 5, 6}};
  const LowerAnchor lower = init.lower, data = init.data;
  InodeRef file = w.table.Insert(std::move(init));
  EXPECT_FALSE(file->upper().known());
  EXPECT_EQ(file->lower(), lower);
  EXPECT_EQ(file->data(), data);
  file->MarkUpper({7, 8, 9});
  EXPECT_EQ(file->upper(), (ObjectId{7, 8, 9}));
  EXPECT_EQ(file->lower(), lower);
  EXPECT_FALSE(file->data().exists());
}

// A lower file is known by its place in the tree, later by its copy; which object it is stays told apart from
// that.
TEST(InodeTable, WhatAnInodeIsKnownByIsNotWhatItIs) {
  constexpr uint64_t kNoDevice = uint64_t{1} << 63;
  World w;
  const ObjectId object{1, 2, 3}, place{1 | kNoDevice, 2, 77}, copy{4, 5, 6}, other{7, 8, 9};
  InodeInit init = File();
  init.lower = LowerAnchor{3, LowerPath::FromString("d/f"), object};
  InodeRef file = w.table.Intern(place, std::move(init));
  EXPECT_EQ(w.table.FindObject(place), file);
  EXPECT_FALSE(w.table.FindObject(object));
  EXPECT_EQ(file->lower().object, object);
  // Copy-up: for a moment it is known by the copy and is still the lower one.
  w.table.Rekey(*file, copy);
  EXPECT_FALSE(w.table.FindObject(place));
  EXPECT_EQ(w.table.FindObject(copy), file);
  EXPECT_EQ(file->lower().object, object);
  file->MarkUpper(copy);
  EXPECT_EQ(file->upper(), copy);
  EXPECT_EQ(file->lower().object, object);
  EXPECT_EQ(file->lower().path.ToString(), "d/f");
  w.table.Rekey(*file, other);
  EXPECT_EQ(w.table.FindObject(other), file);
  EXPECT_EQ(file->upper(), copy);
  w.table.Disown(*file);
  EXPECT_FALSE(w.table.FindObject(other));
  EXPECT_EQ(file->upper(), copy);
  EXPECT_EQ(file->lower().object, object);
}

// A directory that no upper one has is no object but has a place.
TEST(InodeTable, ADirectoryIsKnownByItsPlaceAlone) {
  World w;
  const ObjectId place{(uint64_t{1} << 63) | 1, 5, 0xfedcba9876543210};
  InodeRef dir = w.table.Intern(place, Dir());
  EXPECT_EQ(w.table.FindObject(place), dir);
  EXPECT_FALSE(dir->upper().known());
  dir->MarkUpper({1, 2, 3});
  EXPECT_EQ(w.table.FindObject(place), dir);
  EXPECT_EQ(dir->upper(), (ObjectId{1, 2, 3}));
  w.table.Rekey(*dir, {1, 2, 3});
  EXPECT_FALSE(w.table.FindObject(place));
  EXPECT_EQ(w.table.FindObject({1, 2, 3}), dir);
}

// A client may send the number of a file where a directory's belongs.
TEST(InodeTable, AFileTakenForADirectoryIsNotWatched) {
  World w;
  w.table.AssumeWatched();
  InodeRef file = w.table.Insert(File());
  EXPECT_FALSE(file->watched());
  EXPECT_FALSE(file->SetWatch(file->watch_word(), Inode::Watch::kWatched));
  file->ResetWatch();
  file->NoteListingUse();
  EXPECT_TRUE(w.table.Insert(Dir())->watched());
}

TEST(InodeTableDeathTest, AFileAskedForWhatOnlyDirectoriesHaveEndsTheDaemon) {
  World w;
  InodeRef file = w.table.Insert(File());
  EXPECT_DEATH(file->lowers(), "only directories");
  EXPECT_DEATH(file->TakeListingUse(), "only directories");
}

TEST(InodeTable, OfManyNamesTheLatestComesFirstWhicheverGoes) {
  World w;
  InodeRef dir = w.table.Insert(Dir());
  InodeInit init = File();
  init.lower = LowerAnchor{3, LowerPath::FromString("d/a"), {1, 2, 3}};
  InodeRef file = w.table.Insert(std::move(init));
  for (const char* name : {"a", "b", "c", "d"}) file->AddName(dir, name);
  const auto names = [&] {
    std::string all;
    for (const InodeName& name : file->Names()) all += name.name;
    return all;
  };
  EXPECT_EQ(names(), "dcba");
  EXPECT_EQ(file->RemoveName(*dir, "d"), 3u);
  EXPECT_EQ(names(), "cba");
  EXPECT_EQ(file->RemoveName(*dir, "b"), 2u);
  EXPECT_EQ(names(), "ca");
  EXPECT_EQ(file->AnyName()->name, "c");
  EXPECT_EQ(file->RemoveName(*dir, "x"), 2u);
  EXPECT_FALSE(file->LoseName(*dir, "c"));
  EXPECT_EQ(file->SpellingOf(*dir, "a").last(), "a");
  EXPECT_TRUE(file->LoseName(*dir, "a"));
  EXPECT_FALSE(file->AnyName());
  EXPECT_EQ(file->lower().path.ToString(), "d/a");
}

TEST(InodeTable, NamesAreWhatTheyWereWhateverThePathSays) {
  World w;
  InodeRef dir = w.table.Insert(Dir());
  InodeInit init = File();
  init.lower = LowerAnchor{3, LowerPath::FromString("d/f"), {1, 2, 3}};
  InodeRef file = w.table.Insert(std::move(init));
  file->AddName(dir, "f");
  file->AddName(dir, "another");
  file->AddName(dir, "f");
  ASSERT_EQ(file->name_count(), 2u);
  EXPECT_EQ(file->Names()[0].name, "another");
  EXPECT_EQ(file->Names()[1].name, "f");
  EXPECT_TRUE(file->HasName(*dir, "f"));
  EXPECT_FALSE(file->LoseName(*dir, "f"));
  EXPECT_FALSE(file->HasName(*dir, "f"));
  EXPECT_EQ(file->lower().path.ToString(), "d/f");
  EXPECT_TRUE(file->LoseName(*dir, "another"));
  EXPECT_TRUE(file->unlinked());
}

// There are millions of files: a word more is megabytes.
TEST(InodeTable, AFileTakesLittle) {
  EXPECT_LE(sizeof(Inode), 104u);
}

}  // namespace
}  // namespace plyfs
