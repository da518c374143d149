// What the client is allowed to keep of listings (FOPEN_CACHE_DIR).
#include <new>
#include <optional>
#include <tuple>

#include "engine/testing/dawdle.h"
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

class DirCacheTest : public CoherenceTest {
 protected:
  // "anew", "keep" or "none", as an open of the directory is answered; then it is read whole.
  std::string OpenAndRead(NodeId node, uint32_t flags = 0) {
    Result<Opened> dir = ops::OpenDir(*parts_, node, flags);
    if (!dir.ok()) return "errno " + std::to_string(dir.error());
    EXPECT_TRUE(ops::ReadDir(*parts_, dir->handle, 0, [](const DirEntry&) { return true; }).ok());
    ops::ReleaseDir(*parts_, dir->handle);
    return !dir->cache_dir ? "none" : dir->keep_cache ? "keep" : "anew";
  }
};

TEST_F(DirCacheTest, KeptFromTheFirstReadingOn) {
  ByHand("mkdir a/d b/d; touch a/d/x b/d/y");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(OpenAndRead(d), "anew");
  EXPECT_EQ(OpenAndRead(d), "keep");
  // An open that reads nothing leaves the client with nothing.
  parts_->tree.inodes.Find(d)->DropListing();
  ops::ReleaseDir(*parts_, ops::OpenDir(*parts_, d, 0)->handle);
  EXPECT_EQ(OpenAndRead(d), "anew");
  EXPECT_EQ(OpenAndRead(d), "keep");
}

TEST_F(DirCacheTest, NothingShortlyAfterAChangeByHand) {
  ByHand("mkdir a/d b/d; touch a/d/x b/d/y");
  Mount();
  NodeId d = Walk("d");
  OpenAndRead(d);
  ByHand("touch b/d/new");
  EXPECT_TRUE(Soon([&] { return told_.Data(d); }));
  EXPECT_EQ(OpenAndRead(d), "none");
  parts_->tree.inodes.Find(d)->NoteChangedByHand(1);  // long ago
  EXPECT_EQ(OpenAndRead(d), "anew");
  EXPECT_EQ(OpenAndRead(d), "keep");
}

TEST_F(DirCacheTest, NothingWhereNobodyWouldTell) {
  ByHand("mkdir a/d; touch a/d/x");
  Mount();
  parts_->coherence =
      std::make_unique<Coherence>(*parts_, Watcher::Options{0, true, /*filesystem_marks=*/false});
  NodeId d = Walk("d");
  // The first open hoped for a watch: what was read through it is taken back.
  EXPECT_EQ(OpenAndRead(d), "anew");
  EXPECT_TRUE(told_.Data(d));
  EXPECT_EQ(OpenAndRead(d), "none");
}

// S6 D10: a copy of one of several links has a number of its own.
TEST_F(DirCacheTest, AnewWhenANumberHasChanged) {
  ByHand("mkdir a/d; touch a/d/x; ln a/d/x a/d/y");
  Mount(LowerMode::kFrozen);
  NodeId d = Walk("d"), x = Walk("d/x");
  OpenAndRead(d);
  EXPECT_EQ(OpenAndRead(d), "keep");
  ops::Release(*parts_, Open(x, O_WRONLY));
  EXPECT_TRUE(told_.Data(d));
  EXPECT_EQ(OpenAndRead(d, O_NOATIME), "anew");
}

// C21: an upper directory's atime moves when it is read after it was changed, so the reading must come here.
TEST_F(DirCacheTest, NothingWhileTheAtimeIsDue) {
  ByHand("mkdir u/d; touch -a -d @1000000 u/d");
  Mount();
  NodeId d = Walk("d");
  EXPECT_EQ(OpenAndRead(d), "none");
  EXPECT_GT(ops::GetAttr(*parts_, d, 0)->attr.atime.sec, 1000000);
  EXPECT_EQ(OpenAndRead(d), "anew");
  EXPECT_EQ(OpenAndRead(d), "keep");
}

// Attributes come with a listing to who has looked at what it listed before, and to nobody else.
TEST_F(DirCacheTest, AttributesForWhoLooks) {
  ByHand("mkdir a/d a/d/sub b/e; touch a/d/x b/e/y b/e/z");
  Mount();
  using Names = std::set<std::string>;
  auto listed = [&](const Caller& caller, const std::string& path) {
    Names nodes;
    Result<Opened> dir = ops::OpenDir(*parts_, Walk(path), 0);
    EXPECT_TRUE(
        ops::ReadDirPlus(*parts_, caller, dir->handle, 0, [&](const DirEntry& entry, const Entry& node) {
          if (node.node != 0) nodes.emplace(entry.name);
          return true;
        }).ok());
    ops::ReleaseDir(*parts_, dir->handle);
    return nodes;
  };
  Caller walker, lister;
  walker.pid = 7;
  lister.pid = 8;
  EXPECT_EQ(listed(walker, "d"), Names{});
  EXPECT_EQ(listed(lister, "d"), Names{});
  auto look = [&](const char* name) {
    return ops::Lookup(*parts_, walker, Walk("d"), Name::Trusted(name))->node;
  };
  EXPECT_NE(look("sub"), 0u);
  EXPECT_EQ(look("none"), 0u);
  EXPECT_EQ(listed(walker, "e"), Names{}) << "a directory is walked into, and what is absent was not listed";
  EXPECT_EQ(listed(walker, "d"), Names{});
  EXPECT_NE(look("x"), 0u);
  EXPECT_EQ(listed(walker, "e"), (Names{"y", "z"}));
  EXPECT_EQ(listed(lister, "e"), Names{});
}

// A directory of many names, given in replies with room for so few or many that they end anywhere.
// On a local filesystem and as if it were a server's.
class LookedAtTest : public CoherenceTest, public ::testing::WithParamInterface<std::tuple<LowerMode, bool>> {
 protected:
  static constexpr int kNames = 300;

  std::vector<std::string> Plain(Handle handle) {
    std::vector<std::string> names;
    EXPECT_TRUE(ops::ReadDir(*parts_, handle, 0, [&](const DirEntry& entry) {
                  names.emplace_back(entry.name);
                  return true;
                }).ok());
    return names;
  }
};

TEST_P(LookedAtTest, InTheirOrderAndEachToldOnce) {
  ByHand("mkdir a/d; cd a/d; seq -f f%03g 1 " + std::to_string(kNames) + " | xargs touch");
  const auto [mode, slow] = GetParam();
  Mount(mode);
  if (slow) ::new (parts_->stack->lower(0).pace()) FsPace(true);
  const NodeId d = Walk("d");
  Result<Opened> dir = ops::OpenDir(*parts_, d, 0);
  ASSERT_TRUE(dir.ok());
  const std::vector<std::string> names = Plain(dir->handle);
  ASSERT_EQ(names.size(), kNames + 2u);
  const size_t inodes = parts_->tree.inodes.size();
  std::optional<Dawdle> dawdle;
  if (slow) dawdle.emplace(1);
  for (size_t room : {1000u, 255u, 257u, 50u}) {
    std::vector<std::string> told;
    std::vector<NodeId> nodes;
    for (Cookie last = 0; told.size() < names.size();) {
      const size_t most = told.size() + room;
      const auto sink = [&](const DirEntry& listed, const Entry& entry) {
        if (told.size() == most) return false;
        told.emplace_back(listed.name);
        if (entry.node != 0) nodes.push_back(entry.node);
        EXPECT_TRUE(entry.node == 0 || entry.attr.ino == listed.ino) << listed.name;
        last = listed.next;
        return true;
      };
      ASSERT_TRUE(ops::ReadDirPlus(*parts_, Caller(), dir->handle, last, sink).ok());
    }
    EXPECT_EQ(told, names) << room;
    EXPECT_EQ(nodes.size(), static_cast<size_t>(kNames)) << room;
    for (NodeId node : nodes) ops::Forget(*parts_, node, 1);
    EXPECT_EQ(parts_->tree.inodes.size(), inodes) << "what did not fit was told to nobody";
  }
  ops::ReleaseDir(*parts_, dir->handle);
}

INSTANTIATE_TEST_SUITE_P(Modes, LookedAtTest,
                         ::testing::Combine(::testing::Values(LowerMode::kFrozen, LowerMode::kWatch),
                                            ::testing::Bool()));

}  // namespace
}  // namespace plyfs
