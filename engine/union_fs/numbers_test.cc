// Inode numbers of what forgets them.
#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class NumbersTest : public UnionFixture {};

// rules: D10 C15
TEST_F(NumbersTest, WhatIsCopiedUpWithoutOriginIsListedByTheNumberItHas) {
  ASSERT_EQ(::symlink("target", At("b/l").c_str()), 0);
  Mount([](StackConfig* config) {
    config->userxattr = true;
    config->redirect_dir = RedirectDir::kNoFollow;
  });
  Result<Entry> l = fs_->Lookup(me_, kRootNode, Name::Trusted("l"));
  ASSERT_TRUE(l.ok());
  EXPECT_EQ(List(), std::vector<std::string>{"l"});
  SetAttrArgs args;
  args.uid = 5;
  ASSERT_TRUE(fs_->SetAttr(me_, l->node, 0, args).ok());
  ASSERT_EQ(fs_->GetAttr(me_, l->node, 0)->attr.ino, l->attr.ino);
  fs_->Forget(l->node, 1);
  EXPECT_NE(Stat("l").ino, l->attr.ino);
  View();  // says that the listing's numbers are those of the attributes
}

// rules: D10 C15
TEST_F(NumbersTest, WhatIsCopiedUpWithoutOriginIsListedByTheNumberItHasElsewhere) {
  ASSERT_EQ(::symlink("target", At("b/l").c_str()), 0);
  Mount([](StackConfig* config) {
    config->userxattr = true;
    config->redirect_dir = RedirectDir::kNoFollow;
  });
  const uint64_t number = Stat("l").ino;
  ASSERT_EQ(MakeDir("d"), 0);
  ASSERT_EQ(Rename("l", "d/l"), 0);
  EXPECT_EQ(Stat("d/l").ino, number);
  View();
}

// Somebody has written the redirect by hand and has not marked the directory above it.
// rules: D10 S1
TEST_F(NumbersTest, ARedirectedDirectoryInAnUnmarkedUpperOneIsListedByTheNumberItHas) {
  Dir("b/old");
  Dir("u/top/new");
  Dir("u/top/plain");
  SetRecord("u/top", "opaque", "y");
  SetRecord("u/top/new", "redirect", "/old");
  Mount();
  EXPECT_EQ(List("top"), (std::vector<std::string>{"new", "plain"}));
  View();  // says that the listing's numbers are those of the attributes
}

class NoHandles : public FaultHook {
 public:
  int Before(Op op) override { return op == Op::kOpenByHandle ? EIO : 0; }
};

// What a listing could not learn for now it does not keep, and nobody else is given its cookies.
// rules: D6 D10 L21
TEST_F(NumbersTest, AListingThatCouldNotLearnANumberIsReadAgain) {
  Put("b/f");
  Mount();
  ASSERT_EQ(Chmod("f", 0600), 0);
  Mount();
  struct Seen {
    uint64_t ino = 0;
    Cookie next = 0;
  };
  const auto listed = [&] {
    Seen seen;
    Result<Opened> dir = fs_->OpenDir(me_, kRootNode, O_RDONLY);
    (void)fs_->ReadDir(kRootNode, dir->handle, 0, [&](const DirEntry& entry) {
      if (entry.name == "f") seen = {entry.ino, entry.next};
      return true;
    });
    fs_->ReleaseDir(kRootNode, dir->handle);
    return seen;
  };
  NoHandles none;
  Seen guessed;
  {
    ScopedFaults faults(&none);
    guessed = listed();
    EXPECT_EQ(fs_->Lookup(me_, kRootNode, Name::Trusted("f")).error(), EIO);
  }
  ASSERT_NE(guessed.ino, 0u);
  const Seen right = listed();
  EXPECT_GT(right.next, guessed.next);
  EXPECT_NE(right.ino, guessed.ino);
  EXPECT_EQ(right.ino, Stat("f").ino);
}

}  // namespace
}  // namespace plyfs
