// lower=watch: directories that join, leave and are replaced by hand; overlay records and attributes.
#include "engine/ops/resolve.h"
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

// T-e: a directory that joins, below and above, while somebody sits in it; it stays the same object.
TEST_F(CoherenceTest, DirectoriesJoinAndLeave) {
  ByHand("mkdir a/aa b/bb; printf 1 > a/aa/1; printf 2 > b/bb/2");
  Mount();
  NodeId aa = Walk("aa"), bb = Walk("bb");
  EXPECT_EQ(List(aa), V{"1"});
  EXPECT_EQ(List(bb), V{"2"});
  EXPECT_EQ(Walk("aa/2"), 0u);
  ByHand("mkdir b/aa; printf 2 > b/aa/2");
  EXPECT_TRUE(Soon([&] { return List(aa) == (V{"1", "2"}) && Read("aa/2") == "2"; }));
  EXPECT_EQ(Walk("aa"), aa);
  ByHand("mkdir a/bb; printf 1 > a/bb/1");
  EXPECT_TRUE(Soon([&] { return List(bb) == (V{"1", "2"}); }));
  EXPECT_EQ(Walk("bb"), bb);
  // The new copy is watched too.
  EXPECT_EQ(Walk("bb/9"), 0u);
  ByHand("printf 9 > a/bb/9");
  EXPECT_TRUE(Soon([&] { return Read("bb/9") == "9"; }));
  ByHand("mkdir u/bb; printf u > u/bb/u");
  EXPECT_TRUE(Soon([&] { return List(bb) == (V{"1", "2", "9", "u"}); }));
  EXPECT_EQ(Walk("bb"), bb);
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), bb, Name::Trusted("made"), 0755).ok());
  EXPECT_TRUE(fs::exists(root_ + "/u/bb/made"));
  ByHand("rm -r a/bb");
  EXPECT_TRUE(Soon([&] { return List(bb) == (V{"2", "made", "u"}); }));
}

// T-e: what is beneath is not found by its name alone.
TEST_F(CoherenceTest, TreesBeneathADirectoryThatJoins) {
  ByHand("mkdir -p b/d/e/g; printf B > b/d/e/f");
  Mount();
  NodeId e = Walk("d/e"), g = Walk("d/e/g");
  EXPECT_EQ(Read("d/e/f"), "B");
  EXPECT_EQ(List(e), (V{"f", "g"}));
  EXPECT_EQ(List(g), V());
  ByHand("mkdir -p tree/e/g; printf A > tree/e/f; touch tree/e/g/x; mv tree a/d");
  EXPECT_TRUE(Soon([&] { return Read("d/e/f") == "A" && List(g) == V{"x"}; }));
  EXPECT_EQ(Walk("d/e"), e);
  EXPECT_EQ(Walk("d/e/g"), g);
  EXPECT_TRUE(told_.Entry(e, "f"));
  ByHand("mv a/d away");
  EXPECT_TRUE(Soon([&] { return Read("d/e/f") == "B" && List(g) == V(); }));
}

// The listing goes on as it was, but what it was read from is not asked any more.
TEST_F(CoherenceTest, ACopyIsReplacedAmidAListing) {
  ByHand("mkdir a/d b/d; for i in 0 1 2 3 4 5 6 7; do printf 1 > b/d/f$i; done");
  Mount();
  const NodeId d = Walk("d");
  Result<Opened> dir = ops::OpenDir(*parts_, d, 0);
  ASSERT_TRUE(dir.ok());
  Cookie last = 0;
  std::string first;
  const Status begun =
      ops::ReadDirPlus(*parts_, Caller(), dir->handle, 0, [&](const DirEntry& e, const Entry&) {
        if (!first.empty()) return false;
        if (e.name.starts_with("f")) first = e.name;
        last = e.next;
        return true;
      });
  ASSERT_TRUE(begun.ok());
  ByHand("mv b/d b/away; mkdir b/d; for i in 0 1 2 3 4 5 6 7; do printf 333 > b/d/f$i; done");
  EXPECT_TRUE(Soon([&] { return Read("d/" + first) == "333"; }));
  EXPECT_EQ(List(d).size(), 8u);  // so that it is known whom to ask
  size_t told = 0;
  const auto visit = [&](const DirEntry& e, const Entry& entry) {
    if (entry.node != 0) EXPECT_EQ(entry.attr.size, 3u) << e.name;
    told += entry.node != 0;
    return true;
  };
  EXPECT_TRUE(ops::ReadDirPlus(*parts_, Caller(), dir->handle, last, visit).ok());
  EXPECT_GE(told, 6u);
  ops::ReleaseDir(*parts_, dir->handle);
}

// A change through the mount that began before the directory was joined says what it knew then.
TEST_F(CoherenceTest, DirectoryJoinsAmidAChange) {
  ByHand("mkdir u/d");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(Walk("d/absent"), 0u);
  {
    Exclusion::Hold changing = parts_->dir_changes.Acquire(d);
    ByHand("mkdir -p tree/removed; mv tree b/d");
    ASSERT_TRUE(Soon([&] { return told_.Entry(d, "absent"); }));
    EXPECT_TRUE(parts_->tree.inodes.Find(d)->merged());
    parts_->tree.dentries.SetAbsent(d, Name::Trusted("removed"));
  }
  EXPECT_TRUE(Soon([&] { return Walk("d/removed") != 0; }));
}

// What the lookup opened in a layer is not what stands there when the directory is read.
TEST_F(CoherenceTest, CopyReplacedBetweenLookupAndReading) {
  for (bool told : {false, true}) {
    parts_.reset();
    ByHand("rm -rf a/* b/*; mkdir -p a/p/d b/p/d; touch a/p/d/top b/p/d/old a/p/other");
    Mount();
    (void)List(Walk("p"));  // watched, so that what the lookup sees counts
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // changes of this very tick prove nothing
    NodeId d = Walk("p/d");
    ASSERT_TRUE(parts_->held.Has(d));
    ByHand("mkdir tree; touch tree/new; mv b/p/d away; mv tree b/p/d; touch b/p/mark");
    if (told) {
      ASSERT_TRUE(Soon([&] { return Walk("p/mark") != 0; }));
    }
    EXPECT_TRUE(Soon([&] { return List(d) == (V{"new", "top"}); }));
    ByHand("rm -r away; touch b/p/d/later");
    EXPECT_TRUE(Soon([&] { return List(d) == (V{"later", "new", "top"}); }));
  }
}

// A directory replaced by another of the same name is another object.
TEST_F(CoherenceTest, ReplacedDirectory) {
  ByHand("mkdir -p a/d/e; printf old > a/d/e/f");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(Read("d/e/f"), "old");
  ByHand("mkdir -p tree/e; printf new > tree/e/f; mv a/d away; mv tree a/d");
  EXPECT_TRUE(Soon([&] { return Read("d/e/f") == "new"; }));
  EXPECT_TRUE(Soon([&] { return Walk("d") != d; }));
  // And watched as the old one was.
  EXPECT_EQ(Walk("d/e/g"), 0u);
  ByHand("printf g > a/d/e/g");
  EXPECT_TRUE(Soon([&] { return Read("d/e/g") == "g"; }));
}

// Also where the replaced copy is not the topmost.
TEST_F(CoherenceTest, ReplacedMember) {
  ByHand("mkdir -p a/d b/d/e; printf old > b/d/f; printf old > b/d/e/f");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(Read("d/f"), "old");
  EXPECT_EQ(Read("d/e/f"), "old");
  ByHand("mkdir -p tree/e; printf new > tree/f; printf new > tree/e/f; mv b/d away; mv tree b/d");
  EXPECT_TRUE(Soon([&] { return Read("d/f") == "new" && Read("d/e/f") == "new"; }));
  EXPECT_EQ(Walk("d"), d);
  Settle();
  EXPECT_EQ(Walk("d/g"), 0u);
  EXPECT_EQ(Walk("d/e/g"), 0u);
  ByHand("printf g > b/d/g; printf g > b/d/e/g");
  EXPECT_TRUE(Soon([&] { return Read("d/g") == "g" && Read("d/e/g") == "g"; }));
}

// U2: overlay records are part of the promise.  L5
TEST_F(CoherenceTest, OpaqueSetByHand) {
  ByHand("mkdir -p a/d b/d; touch a/d/1 b/d/2");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(List(d), (V{"1", "2"}));
  ByHand("setfattr -n trusted.overlay.opaque -v y a/d");
  EXPECT_TRUE(Soon([&] { return List(d) == V{"1"}; }));
  ByHand("setfattr -x trusted.overlay.opaque a/d");
  EXPECT_TRUE(Soon([&] { return List(d) == (V{"1", "2"}); }));
}

// U2: nobody tells of a directory's attributes but its own watch, which is there once it was read.
TEST_F(CoherenceTest, OpaqueSetBeforeTheDirectoryWasRead) {
  ByHand("mkdir -p a/d b/d; touch a/d/1 b/d/2");
  Mount();
  Result<Entry> d = Lookup(kRootNode, "d");
  ASSERT_TRUE(d.ok());
  EXPECT_EQ(d->attr_ttl_s, 1u);
  EXPECT_GT(d->entry_ttl_s, 60u);
  ByHand("setfattr -n trusted.overlay.opaque -v y a/d; chmod 700 a/d");
  EXPECT_EQ(List(d->node), V{"1"});
  EXPECT_EQ(ops::GetAttr(*parts_, d->node, 0)->attr.mode & 0777, 0700u);
  d = Lookup(kRootNode, "d");
  EXPECT_GT(d->attr_ttl_s, 60u);
}

// L24: the record that marks the parent moves its ctime.
TEST_F(CoherenceTest, FirstSightOfAHandmadeDirectoryTouchesItsParent) {
  ByHand("mkdir u/p u/p/d b/p b/p/d; setfattr -n trusted.overlay.origin u/p");
  Mount();
  NodeId p = Walk("p");
  EXPECT_EQ(Walk("p/absent"), 0u);
  ASSERT_TRUE(ops::GetAttr(*parts_, p, 0).ok());
  EXPECT_FALSE(told_.Attr(p));
  ASSERT_NE(Walk("p/d"), 0u);
  ExpectCtimeOfUpper(p, "p");
  EXPECT_TRUE(told_.Attr(p));
}

// U10: what was known of it under its old name is not what the rename made of it.
TEST_F(CoherenceTest, UpperDirectoryRenamedOverALowerOne) {
  ByHand("mkdir a/d u/e; setfattr -n trusted.overlay.opaque -v y u/e");
  Mount();
  NodeId d = Walk("d"), e = Walk("e");
  ASSERT_TRUE(ops::GetAttr(*parts_, e, 0).ok());
  ByHand("sleep 0.02; mv -T u/e u/d");
  EXPECT_TRUE(Soon([&] { return Walk("d") == e; }));
  EXPECT_NE(d, e);
  Settle();
  ExpectCtimeOfUpper(e, "d");
}

// D10: it keeps its number until remount, and is listed by it.
TEST_F(CoherenceTest, DirectoryThatALayerJoinsIsListedByItsNumber) {
  ByHand("mkdir b/d b/d/1");
  Mount();
  NodeId d = Walk("d");
  uint64_t number = ops::GetAttr(*parts_, d, 0)->attr.ino;
  auto listed = [&] { return ListedNumber(kRootNode, "d"); };
  EXPECT_EQ(listed(), number);
  ByHand("mkdir a/d a/d/2");
  EXPECT_TRUE(Soon([&] { return List(d) == (V{"1", "2"}); }));
  EXPECT_EQ(listed(), number);
  Settle();
  EXPECT_EQ(listed(), number);
  EXPECT_EQ(ops::GetAttr(*parts_, d, 0)->attr.ino, number);
}

// D10: nor does it lose its number where a hand moves it out of reach of the layer that gave it, as long as
// it is known.
TEST_F(CoherenceTest, UpperDirectoryMovedByHandIsListedByItsNumber) {
  ByHand("mkdir -p a/d u/d u/p");
  Mount();
  NodeId d = Walk("d"), p = Walk("p");
  const uint64_t number = ops::GetAttr(*parts_, d, 0)->attr.ino;
  EXPECT_EQ(List(p), V{});
  ByHand("mv u/d u/p/e");
  EXPECT_TRUE(Soon([&] { return Walk("p/e") == d; }));
  EXPECT_EQ(ops::GetAttr(*parts_, d, 0)->attr.ino, number);
  EXPECT_EQ(ListedNumber(p, "e"), number);
  parts_->tree.inodes.Find(p)->DropListing();
  parts_->tree.dentries.Doubt(p, Name::Trusted("e"));
  EXPECT_EQ(ListedNumber(p, "e"), number);
  ops::Forget(*parts_, d, parts_->tree.inodes.Find(d)->lookups());
  EXPECT_TRUE(Soon([&] { return !parts_->tree.inodes.Find(d); }));  // the watcher may have had it in hand
  EXPECT_EQ(ListedNumber(p, "e"), Lookup(p, "e")->attr.ino);
}

// The watcher, or a listing, may have it in hand while the client forgets it, and find it by its name after
// that.
TEST_F(CoherenceTest, WhatIsFoundAfterTheClientForgotItIsListedAsItWillBeKnown) {
  ByHand("mkdir -p a/d u/d u/p");
  Mount();
  NodeId d = Walk("d"), p = Walk("p");
  EXPECT_EQ(List(p), V{});
  ByHand("mv u/d u/p/e");
  EXPECT_TRUE(Soon([&] { return Walk("p/e") == d; }));
  EXPECT_NE(ListedNumber(p, "e"), 0u);
  {
    const InodeRef held = parts_->tree.inodes.Find(d);
    ops::Forget(*parts_, d, held->lookups());
    parts_->tree.dentries.Doubt(p, Name::Trusted("e"));
    EXPECT_EQ(*Resolve(*parts_, parts_->tree.inodes.Find(p), Name::Trusted("e"), Buying::kNever), held);
  }
  EXPECT_TRUE(Soon([&] { return !parts_->tree.inodes.Find(d); }));
  EXPECT_EQ(ListedNumber(p, "e"), Lookup(p, "e")->attr.ino);
}

// D10: listed by it where nobody has asked for it by name yet, too.
TEST_F(CoherenceTest, UpperDirectoryMovedByHandAndForgottenBeforeItIsAskedFor) {
  ByHand("mkdir -p a/d u/d u/p");
  Mount();
  NodeId d = Walk("d"), p = Walk("p");
  const uint64_t number = ops::GetAttr(*parts_, d, 0)->attr.ino;
  EXPECT_EQ(List(p), V{});
  ByHand("mv u/d u/p/e");
  EXPECT_TRUE(Soon([&] { return ListedNumber(p, "e") == number; }));
  Settle();
  ops::Forget(*parts_, d, parts_->tree.inodes.Find(d)->lookups());
  EXPECT_TRUE(Soon([&] { return !parts_->tree.inodes.Find(d); }));  // the watcher may have had it in hand
  const uint64_t listed = ListedNumber(p, "e");
  EXPECT_EQ(listed, Lookup(p, "e")->attr.ino);
  EXPECT_NE(listed, number);
}

// L12: its own copies tell of their records, and only once they are watched.
TEST_F(CoherenceTest, ARecordForbidsTheMergeBeforeTheCopiesAreWatched) {
  ByHand("mkdir -p a/d b/d");
  Mount();
  NodeId d = Walk("d");
  ByHand("setfattr -n trusted.overlay.redirect a/d");
  Settle();
  EXPECT_EQ(Walk("d"), d);
  (void)ops::GetAttr(*parts_, d, 0);  // the client may keep nothing that long, and asks
  EXPECT_TRUE(Soon([&] { return Lookup(kRootNode, "d").error() == EINVAL; }));
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "d"); }));
}

// D10: whoever holds it while the client forgets it lets a listing find it as it will be known.
TEST_F(CoherenceTest, UpperDirectoryMovedByHandIsListedWhileItIsBeingForgotten) {
  ByHand("mkdir -p a/d u/d u/p");
  Mount();
  NodeId d = Walk("d"), p = Walk("p");
  const uint64_t number = ops::GetAttr(*parts_, d, 0)->attr.ino;
  ByHand("mv u/d u/p/e");
  EXPECT_TRUE(Soon([&] { return Walk("p/e") == d; }));
  Settle();
  {
    const InodeRef held = parts_->tree.inodes.Find(d);
    ops::Forget(*parts_, d, held->lookups());
    parts_->tree.inodes.Find(p)->DropListing();
    EXPECT_NE(ListedNumber(p, "e"), number);
  }
  EXPECT_TRUE(Soon([&] { return !parts_->tree.inodes.Find(d); }));
  EXPECT_EQ(ListedNumber(p, "e"), Lookup(p, "e")->attr.ino);
}

TEST_F(CoherenceTest, AttributesChangedByHand) {
  ByHand("mkdir a/d; touch a/f a/d/x; ln a/f a/g");
  Mount();
  NodeId f = Walk("f"), g = Walk("g"), d = Walk("d");
  EXPECT_NE(f, g);  // S6
  EXPECT_EQ(List(d), V{"x"});
  uint64_t mtime = ops::GetAttr(*parts_, d, 0)->attr.mtime.sec;
  ByHand("chmod 600 a/f; touch -d @1000000 a/d");
  EXPECT_TRUE(Soon([&] { return (ops::GetAttr(*parts_, f, 0)->attr.mode & 0777) == 0600; }));
  EXPECT_TRUE(Soon([&] { return ops::GetAttr(*parts_, d, 0)->attr.mtime.sec == 1000000; }));
  EXPECT_NE(mtime, 1000000u);
  EXPECT_TRUE(Soon([&] { return told_.Attr(f); }));
  // One object for its life, several links or not.
  EXPECT_EQ(Walk("f"), f);
  EXPECT_EQ(Walk("g"), g);
}

}  // namespace
}  // namespace plyfs
