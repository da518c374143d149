// lower=watch (semantics section 8): layers changed by hand under a live engine, without FUSE.  Hands are a
// shell's: our own process's changes count as the mount's.
#include "engine/ops/coherence.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>

#include "engine/ops/ops.h"
#include "engine/union_fs/open_parts.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;
using V = std::vector<std::string>;

class Recorder : public Invalidator {
 public:
  void InvalidateEntry(NodeId parent, std::string_view name) override {
    MutexLock lock(mu_);
    entries_.emplace(parent, std::string(name));
  }
  void InvalidateAttr(NodeId node) override {
    MutexLock lock(mu_);
    attrs_.insert(node);
  }
  void InvalidateData(NodeId node) override {
    MutexLock lock(mu_);
    data_.insert(node);
  }
  bool Entry(NodeId parent, const std::string& name) {
    MutexLock lock(mu_);
    return entries_.count({parent, name}) > 0;
  }
  bool Data(NodeId node) {
    MutexLock lock(mu_);
    return data_.count(node) > 0;
  }
  bool Attr(NodeId node) {
    MutexLock lock(mu_);
    return attrs_.count(node) > 0;
  }

 private:
  Mutex mu_;
  std::set<std::pair<NodeId, std::string>> entries_ ABSL_GUARDED_BY(mu_);
  std::set<NodeId> attrs_ ABSL_GUARDED_BY(mu_), data_ ABSL_GUARDED_BY(mu_);
};

class CoherenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string dir = "/tmp/plyfs_coherence_XXXXXX";
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    root_ = dir;
    ByHand("mkdir a b u w");
  }
  void TearDown() override {
    parts_.reset();
    if (!root_.empty()) fs::remove_all(root_);
  }
  void ByHand(const std::string& commands) {
    ASSERT_EQ(::system(("set -e; umask 022; cd " + root_ + "; " + commands).c_str()), 0) << commands;
  }
  void Mount(LowerMode mode = LowerMode::kWatch) {
    StackConfig config;
    config.lowerdirs = {root_ + "/a", root_ + "/b"};
    config.upperdir = root_ + "/u";
    config.workdir = root_ + "/w";
    config.lower = mode;
    std::string line;
    auto opened = OpenParts(config, &line);
    ASSERT_TRUE(opened.ok()) << line;
    parts_ = *std::move(opened);
    parts_->invalidator = &told_;
  }

  Result<Entry> Lookup(NodeId parent, const std::string& name) {
    return ops::Lookup(*parts_, parent, Name::Trusted(name));
  }
  NodeId Walk(const std::string& path) {
    NodeId at = kRootNode;
    for (const auto& part : fs::path(path)) {
      Result<Entry> entry = Lookup(at, part.native());
      if (!entry.ok() || entry->node == 0) return 0;
      at = entry->node;
    }
    return at;
  }
  Handle Open(NodeId node, uint32_t flags = O_RDONLY) {
    Result<Opened> file = ops::Open(*parts_, Caller(), node, flags, false);
    return file.ok() ? file->handle : 0;
  }
  std::string ReadHandle(Handle handle) {
    char buffer[4096];
    Result<size_t> n = ops::Read(*parts_, handle, 0, buffer);
    if (!n.ok()) return "errno " + std::to_string(n.error());
    return std::string(buffer, *n);
  }
  std::string Read(const std::string& path) {
    NodeId node = Walk(path);
    if (node == 0) return "absent";
    Handle handle = Open(node);
    if (handle == 0) return "cannot open";
    std::string text = ReadHandle(handle);
    ops::Release(*parts_, handle);
    return text;
  }
  V List(NodeId node) {
    V names;
    Result<Opened> dir = ops::OpenDir(*parts_, node, 0);
    if (!dir.ok()) return {"errno " + std::to_string(dir.error())};
    Status read = ops::ReadDir(*parts_, dir->handle, 0, [&](const DirEntry& e) {
      if (e.name != "." && e.name != "..") names.emplace_back(e.name);
      return true;
    });
    ops::ReleaseDir(*parts_, dir->handle);
    if (!read.ok()) return {"errno " + std::to_string(read.error())};
    std::sort(names.begin(), names.end());
    return names;
  }
  // Seconds are only for a machine that is very busy.
  static bool Soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  // Everything done by hand so far has been dealt with.
  void Settle() {
    std::string name = "settled" + std::to_string(++settled_);
    ASSERT_EQ(Walk(name), 0u);
    ByHand("touch a/" + name);
    ASSERT_TRUE(Soon([&] { return told_.Entry(kRootNode, name); }));
  }

  std::string root_;
  int settled_ = 0;
  Recorder told_;
  std::unique_ptr<Parts> parts_;
};

// U4
TEST_F(CoherenceTest, RewrittenInPlace) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  EXPECT_EQ(Read("f"), "old");
  ByHand("printf 'new and longer' > a/f");
  EXPECT_TRUE(Soon([&] { return ops::GetAttr(*parts_, f, 0)->attr.size == 14; }));
  EXPECT_EQ(Read("f"), "new and longer");
  EXPECT_EQ(Walk("f"), f);
  EXPECT_TRUE(Soon([&] { return told_.Data(f); }));
  EXPECT_FALSE(told_.Entry(kRootNode, "f"));
}

// U4: what the client has in its page cache is not true any more even where size and times are as before.
TEST_F(CoherenceTest, RewrittenWithTheSameSizeAndTimes) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  ops::Release(*parts_, Open(f));
  EXPECT_TRUE(ops::Open(*parts_, Caller(), f, O_RDONLY, false)->keep_cache);
  ByHand("touch -r a/f ref; printf new > a/f; touch -r ref a/f");
  Settle();
  EXPECT_FALSE(ops::Open(*parts_, Caller(), f, O_RDONLY, false)->keep_cache);
}

// U5
TEST_F(CoherenceTest, ReplacedByRename) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  ByHand("printf new > a/.f; mv a/.f a/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "new"; }));
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "f"); }));
  EXPECT_NE(Walk("f"), f);
  EXPECT_EQ(ReadHandle(held), "old");
}

// U6 U7: both were asked for while they were absent, one was not.
TEST_F(CoherenceTest, NewNamesInALower) {
  ByHand("mkdir b/d");
  Mount();
  EXPECT_EQ(List(kRootNode), V{"d"});
  EXPECT_EQ(Walk("absent"), 0u);
  EXPECT_EQ(Walk("d/absent"), 0u);
  ByHand("printf x > b/absent; printf y > b/d/absent; printf z > a/fresh");
  EXPECT_TRUE(Soon([&] { return Read("absent") == "x" && Read("d/absent") == "y" && Read("fresh") == "z"; }));
  EXPECT_TRUE(Soon([&] { return List(kRootNode) == (V{"absent", "d", "fresh"}); }));
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "absent") && told_.Data(kRootNode); }));
}

// U8 S10
TEST_F(CoherenceTest, RemovedFile) {
  ByHand("printf old > a/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  ByHand("rm a/f");
  EXPECT_TRUE(Soon([&] { return Walk("f") == 0; }));
  EXPECT_EQ(List(kRootNode), V());
  EXPECT_EQ(ReadHandle(held), "old");
  Settle();
  parts_->file_fds.Erase(held * 2);  // as under the descriptor budget
  EXPECT_EQ(ReadHandle(held), "old");
  Result<AttrReply> attr = ops::GetAttr(*parts_, f, 0);
  ASSERT_TRUE(attr.ok()) << attr.error();
  EXPECT_EQ(attr->attr.nlink, 0u);
}

// U8b
TEST_F(CoherenceTest, RemovedDirectory) {
  ByHand("mkdir -p a/d/e; printf x > a/d/e/f");
  Mount();
  NodeId d = Walk("d"), e = Walk("d/e");
  EXPECT_EQ(Read("d/e/f"), "x");
  ByHand("rm -r a/d");
  EXPECT_TRUE(Soon([&] { return Walk("d") == 0; }));
  Settle();
  EXPECT_EQ(ops::Create(*parts_, Caller(), d, Name::Trusted("new"), 0644, O_RDWR).error(), ENOENT);
  EXPECT_EQ(ops::MakeDir(*parts_, Caller(), e, Name::Trusted("new"), 0755).error(), ENOENT);
  EXPECT_FALSE(fs::exists(root_ + "/u/d"));
  EXPECT_EQ(List(d), V{"errno " + std::to_string(ENOENT)});  // D7
}

// U9 U10: what stands in upper is found, and never overwritten.
TEST_F(CoherenceTest, NewNamesInUpper) {
  Mount();
  EXPECT_EQ(List(kRootNode), V());
  EXPECT_EQ(Walk("absent"), 0u);
  ByHand("printf mine > u/absent; printf too > u/fresh");
  EXPECT_EQ(ops::MakeDir(*parts_, Caller(), kRootNode, Name::Trusted("absent"), 0755).error(), EEXIST);
  EXPECT_EQ(ops::Create(*parts_, Caller(), kRootNode, Name::Trusted("absent"), 0644, O_RDWR | O_EXCL).error(),
            EEXIST);
  EXPECT_TRUE(Soon([&] { return Read("absent") == "mine" && Read("fresh") == "too"; }));
  EXPECT_TRUE(Soon([&] { return List(kRootNode) == (V{"absent", "fresh"}); }));
}

// U11
TEST_F(CoherenceTest, UpperFileOverACachedLowerOne) {
  ByHand("printf lower > b/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  EXPECT_EQ(Read("f"), "lower");
  ByHand("printf mine > u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "mine"; }));
  Settle();
  EXPECT_EQ(ReadHandle(held), "lower");
  // Who holds the lower one may change it, but has nowhere to put it (N19).
  SetAttrArgs args;
  args.mode = 0600;
  EXPECT_TRUE(ops::SetAttr(*parts_, Caller(), f, held, args).ok());
  EXPECT_EQ(Read("f"), "mine");
  EXPECT_EQ(fs::status(root_ + "/b/f").permissions(), fs::perms(0644));
  EXPECT_EQ(fs::status(root_ + "/u/f").permissions(), fs::perms(0644));
}

// U11: before anything was noticed.
TEST_F(CoherenceTest, CopyUpNeverOverwritesWhatWasPutThere) {
  ByHand("printf lower > b/f");
  Mount();
  NodeId f = Walk("f");
  parts_->coherence.reset();
  ByHand("printf mine > u/f");
  Result<Opened> opened = ops::Open(*parts_, Caller(), f, O_RDWR, false);
  EXPECT_FALSE(opened.ok());
  ByHand("test \"$(cat u/f)\" = mine");
}

// U12
TEST_F(CoherenceTest, UpperCopyRemoved) {
  ByHand("printf lower > b/f");
  Mount();
  Handle writer = Open(Walk("f"), O_RDWR);
  ASSERT_TRUE(ops::Write(*parts_, Caller(), writer, 0, std::span<const char>("LOWER", 5), {}).ok());
  ops::Release(*parts_, writer);
  EXPECT_EQ(Read("f"), "LOWER");
  ByHand("rm u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "lower"; }));
  EXPECT_TRUE(ops::Unlink(*parts_, kRootNode, Name::Trusted("f")).ok());
  EXPECT_EQ(Walk("f"), 0u);
}

// U13
TEST_F(CoherenceTest, UpperDirectoryRemoved) {
  ByHand("mkdir b/merged; printf x > b/merged/x");
  Mount();
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), kRootNode, Name::Trusted("own"), 0755).ok());
  ASSERT_TRUE(ops::MakeDir(*parts_, Caller(), Walk("merged"), Name::Trusted("new"), 0755).ok());
  EXPECT_EQ(List(Walk("own")), V());
  EXPECT_EQ(List(Walk("merged")), (V{"new", "x"}));
  NodeId own = Walk("own");
  ByHand("rm -r u/own u/merged");
  EXPECT_TRUE(Soon([&] { return Walk("own") == 0 && List(Walk("merged")) == V{"x"}; }));
  Settle();
  EXPECT_EQ(ops::Create(*parts_, Caller(), own, Name::Trusted("f"), 0644, O_RDWR).error(), ENOENT);
  EXPECT_TRUE(ops::MakeDir(*parts_, Caller(), Walk("merged"), Name::Trusted("again"), 0755).ok());
  EXPECT_EQ(List(Walk("merged")), (V{"again", "x"}));
}

// U14
TEST_F(CoherenceTest, WhiteoutPutInUpper) {
  ByHand("printf x > b/f");
  Mount();
  EXPECT_EQ(Read("f"), "x");
  ByHand("mknod u/f c 0 0");
  EXPECT_TRUE(Soon([&] { return Walk("f") == 0 && List(kRootNode) == V(); }));
  ByHand("rm u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "x"; }));
}

// T-c
TEST_F(CoherenceTest, AHigherLayerTakesOver) {
  ByHand("printf B > b/f");
  Mount();
  NodeId f = Walk("f");
  Handle held = Open(f);
  EXPECT_EQ(Read("f"), "B");
  ByHand("printf A > a/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "A"; }));
  EXPECT_EQ(ReadHandle(held), "B");
  ByHand("printf C > u/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "C"; }));
  ByHand("rm u/f a/f");
  EXPECT_TRUE(Soon([&] { return Read("f") == "B"; }));
}

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
  parts_->coherence = std::make_unique<Coherence>(*parts_, Watcher::Options{3, true});
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
  parts_->coherence = std::make_unique<Coherence>(*parts_, Watcher::Options{6, true});
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

// U15: a layer that is gone gives errors or nothing, never wrong data.
TEST_F(CoherenceTest, AWholeLayerMovedAway) {
  ByHand("printf A > a/f; printf B > b/f");
  Mount();
  EXPECT_EQ(Read("f"), "A");
  ByHand("mv a elsewhere");
  EXPECT_EQ(Read("f"), "A");  // held by descriptor, so it is where it went
  ByHand("rm -r elsewhere");
  EXPECT_TRUE(Soon([&] { return Read("f") == "B"; }));
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
