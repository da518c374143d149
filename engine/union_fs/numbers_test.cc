// Inode numbers of what forgets them.
#include <unistd.h>

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

}  // namespace
}  // namespace plyfs
