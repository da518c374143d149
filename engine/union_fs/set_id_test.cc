// Set-id bits, which the kernel would clear by who asks: upper sees nobody but us.
#include <sys/stat.h>
#include <unistd.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class SetIdTest : public UnionFixture {
 protected:
  void SetUp() override {
    UnionFixture::SetUp();
    user_.uid = user_.gid = 1000;
  }

  void PutOwned(const std::string& path, uid_t uid, gid_t gid, mode_t mode) {
    Put(path, "data");
    ASSERT_EQ(::chown(At(path).c_str(), uid, gid), 0);
    ASSERT_EQ(::chmod(At(path).c_str(), mode), 0);
  }

  int Chown(const Caller& caller, const std::string& path, uint32_t uid, uint32_t gid) {
    SetAttrArgs args;
    args.uid = uid;
    args.gid = gid;
    return fs_->SetAttr(caller, Walk(path), 0, args).error();
  }

  uint32_t Mode(const std::string& path) { return Stat(path).mode & 07777; }

  Caller user_;
};

// rules: A9
TEST_F(SetIdTest, RemovingAnAclTakesSetGroupIdFromAStranger) {
  PutOwned("b/theirs", 1000, 1001, 02640);
  PutOwned("b/own", 1000, 1000, 02640);
  PutOwned("b/root", 1000, 1001, 02640);
  Mount();
  EXPECT_EQ(fs_->RemoveXattr(user_, Walk("own"), "system.posix_acl_access").error(), ENODATA);
  EXPECT_EQ(Mode("own"), 02640u);
  EXPECT_FALSE(Exists("u/own"));
  EXPECT_EQ(fs_->RemoveXattr(user_, Walk("theirs"), "system.posix_acl_access").error(), 0);
  EXPECT_EQ(Mode("theirs"), 0640u);
  EXPECT_EQ(fs_->RemoveXattr(me_, Walk("root"), "system.posix_acl_access").error(), ENODATA);
  EXPECT_EQ(Mode("root"), 02640u);
}

// rules: A10
TEST_F(SetIdTest, ChownTakesSetGroupIdThatGrantsNothingFromAStranger) {
  PutOwned("b/theirs", 1000, 1001, 02640);
  PutOwned("b/own", 1000, 1000, 02640);
  PutOwned("b/root", 1000, 1001, 02640);
  PutOwned("b/grants", 1000, 1001, 06755);
  Mount();
  EXPECT_EQ(Chown(user_, "theirs", 1000, 1001), 0);
  EXPECT_EQ(Mode("theirs"), 0640u);
  EXPECT_EQ(Chown(user_, "own", 1000, 1000), 0);
  EXPECT_EQ(Mode("own"), 02640u);
  EXPECT_EQ(Chown(me_, "root", 1000, 1001), 0);
  EXPECT_EQ(Mode("root"), 02640u);
  EXPECT_EQ(Chown(me_, "grants", 1000, 1001), 0);
  EXPECT_EQ(Mode("grants"), 0755u);
}

}  // namespace
}  // namespace plyfs
