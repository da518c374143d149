// lower=watch: what is watched, what may be kept without a watch, and notices that were lost.
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

// A directory copied up is watched in upper from the moment it is there.
TEST_F(CoherenceTest, TheUpperCopyIsWatchedToo) {
  ByHand("mkdir b/d; touch b/d/x");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(List(d), V{"x"});
  EXPECT_EQ(Walk("d/y"), 0u);
  ASSERT_TRUE(ops::Create(*parts_, Caller(), d, Name::Trusted("made"), 0644, O_RDWR).ok());
  ByHand("printf y > u/d/y");
  EXPECT_TRUE(Soon([&] { return Read("d/y") == "y" && List(d) == (V{"made", "x", "y"}); }));
}

TEST_F(CoherenceTest, OurOwnChangesAreNoNews) {
  ByHand("mkdir a/d");
  Mount();
  EXPECT_EQ(List(Walk("d")), V());
  NodeId d = Walk("d");
  ASSERT_TRUE(ops::Create(*parts_, Caller(), d, Name::Trusted("f"), 0644, O_RDWR).ok());
  ASSERT_TRUE(ops::Rename(*parts_, d, Name::Trusted("f"), kRootNode, Name::Trusted("g"), 0).ok());
  ASSERT_TRUE(ops::Unlink(*parts_, kRootNode, Name::Trusted("g")).ok());
  Settle();
  EXPECT_FALSE(told_.Entry(d, "f"));
  EXPECT_FALSE(told_.Entry(kRootNode, "g"));
}

TEST_F(CoherenceTest, RemovedDirectoriesGiveTheirMarksBack) {
  Mount();
  List(kRootNode);
  size_t before = parts_->coherence->watcher().marks();
  V names;
  for (int i = 0; i < 50; ++i) names.push_back("d" + std::to_string(i));
  for (const std::string& name : names) {
    Result<Entry> made = ops::MakeDir(*parts_, Caller(), kRootNode, Name::Trusted(name), 0755);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(List(made->node), V());
  }
  EXPECT_EQ(parts_->coherence->watcher().marks(), before + 50);
  for (const std::string& name : names) {
    NodeId node = Walk(name);
    ASSERT_TRUE(ops::RemoveDir(*parts_, kRootNode, Name::Trusted(name)).ok());
    ops::Forget(*parts_, node, 2);  // while it is held it is pinned on disk
  }

  EXPECT_TRUE(Soon([&] { return parts_->coherence->watcher().marks() == before; }))
      << parts_->coherence->watcher().marks();
}

// U2: where no watch can be had nothing is remembered, and the client is told to keep it for a second.
TEST_F(CoherenceTest, WithoutRoomForWatches) {
  ByHand("mkdir a/d; printf old > a/d/f");
  Mount();
  parts_->coherence =
      std::make_unique<Coherence>(*parts_, Watcher::Options{3, true, /*filesystem_marks=*/false});
  EXPECT_EQ(List(kRootNode), V{"d"});
  NodeId d = Walk("d");
  Result<Entry> f = Lookup(d, "f");
  ASSERT_TRUE(f.ok());
  EXPECT_EQ(f->entry_ttl_s, 1u);
  EXPECT_EQ(f->attr_ttl_s, 1u);
  EXPECT_EQ(Lookup(d, "absent")->entry_ttl_s, 1u);
  EXPECT_EQ(List(d), V{"f"});
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), d, Name::Trusted("made"), 0755).ok());
  ASSERT_TRUE(ops::RemoveDir(*parts_, d, Name::Trusted("made")).ok());
  ByHand("printf absent > a/d/absent; printf 'new and longer' > a/d/f; printf made > u/d/made");
  EXPECT_EQ(Read("d/absent"), "absent");
  EXPECT_EQ(Read("d/made"), "made");
  EXPECT_EQ(List(d), (V{"absent", "f", "made"}));
  EXPECT_EQ(ops::GetAttr(*parts_, f->node, 0)->attr.size, 14u);
  EXPECT_EQ(Walk("d/f"), f->node);
  ByHand("rm a/d/f; printf other > a/d/g; mv a/d/g a/d/f");
  EXPECT_EQ(Read("d/f"), "other");
}

// When most marks are of directories that nobody knows any more they are given up, and the others set anew.
TEST_F(CoherenceTest, RoomIsMadeWhenDirectoriesAreForgotten) {
  ByHand("mkdir a/1 a/2 a/3; mkdir a/4; touch a/4/x");
  Mount();
  parts_->coherence =
      std::make_unique<Coherence>(*parts_, Watcher::Options{6, true, /*filesystem_marks=*/false});
  for (const char* name : {"1", "2", "3"}) {
    NodeId node = Walk(name);
    EXPECT_EQ(List(node), V());
    ops::Forget(*parts_, node, 1);
  }
  NodeId last = Walk("4");
  EXPECT_EQ(List(last), V{"x"});
  EXPECT_TRUE(Soon([&] {
    List(last);
    return Lookup(last, "x")->entry_ttl_s > 60;
  }));
  EXPECT_EQ(Walk("absent"), 0u);
  ByHand("touch a/absent a/4/y");
  EXPECT_TRUE(Soon([&] { return Walk("absent") != 0 && List(last) == (V{"x", "y"}); }));
}

// After notices were lost nothing that was known may stay, here or in the client.
TEST_F(CoherenceTest, LostNoticesForgetEverything) {
  ByHand("mkdir -p a/d/e; printf old > a/d/f; printf old > a/d/e/g");
  Mount();
  NodeId d = Walk("d"), e = Walk("d/e");
  EXPECT_EQ(Read("d/f"), "old");
  EXPECT_EQ(Read("d/e/g"), "old");
  EXPECT_EQ(Walk("d/absent"), 0u);
  parts_->coherence->ForgetAll();
  EXPECT_TRUE(told_.Entry(d, "f"));
  EXPECT_TRUE(told_.Entry(d, "absent"));
  EXPECT_TRUE(told_.Entry(e, "g"));
  EXPECT_TRUE(told_.Data(kRootNode));
  EXPECT_EQ(Walk("d"), d);
  EXPECT_EQ(Read("d/e/g"), "old");
  ByHand("printf new > a/d/absent");
  EXPECT_TRUE(Soon([&] { return Read("d/absent") == "new"; }));
}

// lower=frozen: layers are promised not to change, and nobody looks.
TEST_F(CoherenceTest, FrozenLowersAreNotWatched) {
  ByHand("printf old > a/f");
  Mount(LowerMode::kFrozen);
  EXPECT_EQ(parts_->coherence, nullptr);
  Result<Entry> f = Lookup(kRootNode, "f");
  EXPECT_GT(f->entry_ttl_s, 60u);
  EXPECT_GT(f->attr_ttl_s, 60u);
  EXPECT_GT(Lookup(kRootNode, "absent")->entry_ttl_s, 60u);
  ByHand("printf new > a/absent");
  EXPECT_EQ(Walk("absent"), 0u);
}

// S10: nor is anything taken hold of, but who has the file open has it.
TEST_F(CoherenceTest, AnOpenFileHasAttributesWhateverHappensToItsName) {
  ByHand("echo abc > a/f");
  Mount(LowerMode::kFrozen);
  NodeId f = Walk("f");
  Handle handle = Open(f);
  ByHand("rm a/f");
  parts_->tree.inodes.Find(f)->DropAttr();
  EXPECT_EQ(ops::GetAttr(*parts_, f, 0).error(), ESTALE);
  Result<AttrReply> reply = ops::GetAttr(*parts_, f, handle);
  ASSERT_TRUE(reply.ok()) << reply.error();
  EXPECT_EQ(reply->attr.size, 4u);
  ops::Release(*parts_, handle);
  EXPECT_EQ(ops::GetAttr(*parts_, f, handle).error(), EBADF);
}

// The mount goes while hands are busy.
TEST_F(CoherenceTest, EndsWhileNoticesCome) {
  ByHand("mkdir a/d; cd a/d; seq 200 | xargs touch");
  Mount();
  NodeId d = Walk("d");
  for (const std::string& name : List(d)) EXPECT_NE(Walk("d/" + name), 0u);
  std::thread hands([&] { (void)!::system(("cd " + root_ + "/a/d; seq 200 | xargs rm -f").c_str()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  parts_.reset();
  hands.join();
}

}  // namespace
}  // namespace plyfs
