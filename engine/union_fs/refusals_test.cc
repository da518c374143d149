// What a mount refuses whatever is asked: all changes where there is nowhere to make them, extended
// attributes where they are turned off, and arguments that no kernel of its own would send.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class RefusalsTest : public UnionFixture {
 protected:
  RefusalsTest() : UnionFixture("/dev/shm") {}

  void Lay() {
    Put("a/f", "text");
    Put("b/dir/g", "text");
    Put("u/own", "own");
    ASSERT_EQ(::setxattr(At("a/f").c_str(), "user.k", "v", 1, 0), 0);
  }
  int OpenError(const std::string& path, uint32_t flags) {
    Result<Opened> file = fs_->Open(me_, Walk(path), flags, false);
    if (file.ok()) fs_->Release(0, file->handle);
    return file.error();
  }
  int IoctlError(const std::string& path, uint32_t command, const void* in, size_t size) {
    return fs_->Ioctl(me_, Walk(path), 0, command, {static_cast<const char*>(in), size}, 64).error();
  }
};

// rules: M9
TEST_F(RefusalsTest, AReadOnlyMountTakesNoChange) {
  for (const bool has_upper : {false, true}) {
    SCOPED_TRACE(has_upper);
    StartOver();
    Lay();
    Mount([=](StackConfig* c) {
      c->read_only = true;
      if (!has_upper) c->upperdir = c->workdir = "";
    });
    const TreeText view = View(), upper = Upper();
    const uint32_t flags = FS_NOATIME_FL;
    const struct fsxattr extended = {};
    EXPECT_EQ(Create("new"), EROFS);
    EXPECT_EQ(fs_->TmpFile(me_, kRootNode, 0600, O_RDWR).error(), EROFS);
    EXPECT_EQ(MakeDir("new"), EROFS);
    EXPECT_EQ(MakeNode("new", S_IFIFO | 0600), EROFS);
    EXPECT_EQ(Symlink("new", "x"), EROFS);
    EXPECT_EQ(Link("f", "new"), EROFS);
    EXPECT_EQ(Unlink("f"), EROFS);
    EXPECT_EQ(RemoveDir("dir"), EROFS);
    for (const uint32_t how : {0, RENAME_NOREPLACE, RENAME_EXCHANGE}) {
      EXPECT_EQ(Rename("f", how == RENAME_EXCHANGE ? "dir" : "new", how), EROFS) << how;
    }
    EXPECT_EQ(Write("f", "x"), EROFS);
    EXPECT_EQ(OpenError("f", O_RDONLY | O_TRUNC), EROFS);
    EXPECT_EQ(Chmod("f", 0600), EROFS);
    EXPECT_EQ(fs_->SetAttr(me_, Walk("f"), 0, {}).error(), EROFS);
    EXPECT_EQ(SetXattr("f", "user.k", "x"), EROFS);
    EXPECT_EQ(fs_->RemoveXattr(me_, Walk("f"), "user.k").error(), EROFS);
    EXPECT_EQ(IoctlError("f", FS_IOC_SETFLAGS, &flags, sizeof flags), EROFS);
    EXPECT_EQ(IoctlError("f", FS_IOC_FSSETXATTR, &extended, sizeof extended), EROFS);
    EXPECT_EQ(OpenError("f", O_RDONLY), 0);
    EXPECT_EQ(View(), view);
    EXPECT_EQ(Upper(), upper);
    EXPECT_FALSE(Exists("w/work"));
  }
}

TEST_F(RefusalsTest, WithoutExtendedAttributesNoneIsShownOrSet) {
  Lay();
  Mount([](StackConfig* c) { c->noxattrs = true; });
  const NodeId node = Walk("f");
  EXPECT_EQ(fs_->GetXattr(me_, node, "user.k").error(), EOPNOTSUPP);
  EXPECT_EQ(fs_->ListXattr(me_, node, 100).error(), EOPNOTSUPP);
  EXPECT_EQ(fs_->SetXattr(me_, node, "user.k", "x", 0, false).error(), EOPNOTSUPP);
  EXPECT_EQ(fs_->RemoveXattr(me_, node, "user.k").error(), EOPNOTSUPP);
  EXPECT_FALSE(Exists("u/f"));
}

// rules: A9
TEST_F(RefusalsTest, OnlyADirectoryHasADefaultAcl) {
  Lay();
  Mount();
  EXPECT_EQ(SetXattr("f", "system.posix_acl_default", ""), EACCES);
  EXPECT_FALSE(Exists("u/f"));
  EXPECT_EQ(SetXattr("dir", "system.posix_acl_default", ""), 0);
}

// rules: A14 F12
TEST_F(RefusalsTest, RequestsThatAreNoneOrTooShort) {
  Lay();
  ASSERT_EQ(::mkfifo(At("a/fifo").c_str(), 0600), 0);
  Mount();
  const uint32_t flags = 0;
  struct fsxattr extended = {};
  EXPECT_EQ(IoctlError("f", FS_IOC_SETFLAGS, &flags, 2), EINVAL);
  EXPECT_EQ(IoctlError("f", FS_IOC_FSSETXATTR, &extended, 2), EINVAL);
  EXPECT_EQ(IoctlError("f", FS_IOC_GETVERSION, &flags, sizeof flags), ENOTTY);
  EXPECT_EQ(IoctlError("fifo", FS_IOC_GETFLAGS, &flags, sizeof flags), ENOTTY);
  EXPECT_EQ(OpenError("fifo", O_RDONLY), ENXIO);
  EXPECT_EQ(OpenError("dir", O_RDONLY), EISDIR);
  EXPECT_EQ(Rename("f", "new", RENAME_WHITEOUT), EINVAL);
  EXPECT_EQ(Rename("f", "new", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
  EXPECT_EQ(Upper(), (TreeText{{"own", "file own"}}));
}

// A client that names what it was never told of, or has forgotten.
TEST_F(RefusalsTest, NodesAndHandlesThatAreNone) {
  Lay();
  Mount();
  const NodeId none = 12345;
  const Handle handle = 54321;
  std::string room(10, 0);
  EXPECT_NE(fs_->Lookup(me_, none, Name::Trusted("f")).error(), 0);
  EXPECT_NE(fs_->GetAttr(me_, none, 0).error(), 0);
  EXPECT_NE(fs_->SetAttr(me_, none, 0, {}).error(), 0);
  EXPECT_NE(fs_->ReadLink(me_, none).error(), 0);
  EXPECT_NE(fs_->GetXattr(me_, none, "user.k").error(), 0);
  EXPECT_NE(fs_->ListXattr(me_, none, 10).error(), 0);
  EXPECT_NE(fs_->SetXattr(me_, none, "user.k", "", 0, false).error(), 0);
  EXPECT_NE(fs_->RemoveXattr(me_, none, "user.k").error(), 0);
  EXPECT_NE(fs_->Open(me_, none, O_RDONLY, false).error(), 0);
  EXPECT_NE(fs_->OpenDir(me_, none, 0).error(), 0);
  EXPECT_NE(fs_->MakeDir(me_, none, Name::Trusted("new"), 0700).error(), 0);
  EXPECT_NE(fs_->Unlink(me_, none, Name::Trusted("f")).error(), 0);
  EXPECT_NE(fs_->RemoveDir(me_, none, Name::Trusted("f")).error(), 0);
  EXPECT_NE(fs_->Rename(me_, none, Name::Trusted("f"), kRootNode, Name::Trusted("g"), 0).error(), 0);
  EXPECT_NE(fs_->Rename(me_, kRootNode, Name::Trusted("f"), none, Name::Trusted("g"), 0).error(), 0);
  EXPECT_NE(fs_->Link(me_, none, kRootNode, Name::Trusted("new")).error(), 0);
  EXPECT_NE(fs_->Link(me_, Walk("f"), none, Name::Trusted("new")).error(), 0);
  EXPECT_NE(fs_->TmpFile(me_, none, 0600, O_RDWR).error(), 0);
  EXPECT_NE(fs_->Create(me_, none, Name::Trusted("new"), 0600, O_RDWR).error(), 0);
  EXPECT_NE(fs_->Ioctl(me_, none, 0, FS_IOC_GETFLAGS, "", 4).error(), 0);
  EXPECT_NE(fs_->FsyncDir(none, 0, false).error(), 0);
  EXPECT_NE(fs_->Read(none, handle, 0, room).error(), 0);
  EXPECT_NE(fs_->Write(me_, none, handle, 0, std::string("x"), {}).error(), 0);
  EXPECT_NE(fs_->Fsync(none, handle, false).error(), 0);
  EXPECT_NE(fs_->Fallocate(me_, none, handle, 0, 0, 1).error(), 0);
  EXPECT_NE(fs_->Seek(none, handle, 0, SEEK_SET).error(), 0);
  EXPECT_NE(fs_->CopyFileRange(me_, none, handle, 0, none, handle, 0, 1).error(), 0);
  EXPECT_NE(fs_->ReadDir(none, handle, 0, [](const DirEntry&) { return true; }).error(), 0);
  fs_->Forget(none, 1);
  fs_->Release(none, handle);
  fs_->ReleaseDir(none, handle);
  EXPECT_EQ(Upper(), (TreeText{{"own", "file own"}}));
}

// A handle does what it was opened for, and no directory's what a file's does.
// rules: F12
TEST_F(RefusalsTest, WhatAHandleWasNotOpenedFor) {
  Lay();
  Mount();
  const NodeId node = Walk("own"), low = Walk("f");
  Result<Opened> file = fs_->Open(me_, node, O_RDONLY, false);
  Result<Opened> other = fs_->Open(me_, low, O_RDONLY, false);
  ASSERT_TRUE(file.ok() && other.ok());
  EXPECT_EQ(fs_->Write(me_, node, file->handle, 0, std::string("x"), {}).error(), EBADF);
  EXPECT_EQ(fs_->Fallocate(me_, node, file->handle, 0, 0, 1).error(), EBADF);
  EXPECT_EQ(fs_->CopyFileRange(me_, low, other->handle, 0, node, file->handle, 0, 1).error(), EBADF);
  EXPECT_EQ(fs_->Fsync(low, other->handle, true).error(), 0);  // F10: nothing of it is ours to sync
  EXPECT_EQ(fs_->Flush(node, file->handle).error(), 0);
  fs_->Release(node, file->handle);
  fs_->Release(low, other->handle);
  EXPECT_EQ(Get("u/own"), "own");
}

// rules: M18
TEST_F(RefusalsTest, WhatIsLetGoIsFreeForAnotherMount) {
  Lay();
  Mount([](StackConfig* c) { c->lower = LowerMode::kWatch; });
  EXPECT_EQ(Create("first"), 0);
  const NodeId dir = Walk("dir");
  const std::vector<std::pair<NodeId, std::string>> told = {{kRootNode, "dir"}};
  EXPECT_EQ(fs_->NamesTold(dir), told);
  fs_->Close();
  EXPECT_EQ(Read("f"), "text");
  fs_->LetGo();
  std::unique_ptr<UnionFs> before = std::move(fs_);
  Mount();  // within the five seconds that it would wait for the locks
  EXPECT_EQ(Create("second"), 0);
  EXPECT_TRUE(Exists("u/first") && Exists("u/second"));
}

}  // namespace
}  // namespace plyfs
