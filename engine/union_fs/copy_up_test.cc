// What is copied up, when, and how: semantics section 5.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

using V = std::vector<std::string>;
using T = TreeText;

class CopyUpTest : public UnionFixture {
 protected:
  // One object of each type in a lower directory.
  void PutOfEachType() {
    Put("b/d/f", "data");
    Dir("b/d/s");
    ASSERT_EQ(::symlink("target", At("b/d/l").c_str()), 0);
    ASSERT_EQ(::mkfifo(At("b/d/p").c_str(), 0640), 0);
    ASSERT_EQ(::mknod(At("b/d/c").c_str(), S_IFCHR | 0640, makedev(1, 3)), 0);
  }
};

// rules: C (table of triggers)
TEST_F(CopyUpTest, ReadingCopiesNothing) {
  PutOfEachType();
  Mount();
  EXPECT_EQ(Read("d/f"), "data");
  Result<Opened> file = fs_->Open(me_, Walk("d/f"), O_RDONLY | O_APPEND, false);
  ASSERT_EQ(file.error(), 0);
  fs_->Release(Walk("d/f"), file->handle);
  EXPECT_EQ(fs_->ReadLink(me_, Walk("d/l")).value_or(""), "target");
  for (const char* path : {"d", "d/f", "d/s", "d/l", "d/p", "d/c"}) {
    Stat(path);
    EXPECT_EQ(fs_->ListXattr(me_, Walk(path), 65536).value_or("?"), "") << path;
    EXPECT_EQ(fs_->RemoveXattr(me_, Walk(path), "trusted.none").error(), ENODATA) << path;
  }
  List("d");
  EXPECT_EQ(Upper(), T());
}

// rules: C (table of triggers)
TEST_F(CopyUpTest, RefusedOperationsCopyNothing) {
  PutOfEachType();
  Put("b/x");
  Mount();
  EXPECT_EQ(Create("d/f"), EEXIST);
  EXPECT_EQ(MakeDir("d/s"), EEXIST);
  EXPECT_EQ(Link("x", "d/f"), EEXIST);
  EXPECT_EQ(Unlink("d/none"), ENOENT);
  EXPECT_EQ(Unlink("d/s"), EISDIR);
  EXPECT_EQ(RemoveDir("d/f"), ENOTDIR);
  EXPECT_EQ(RemoveDir("d"), ENOTEMPTY);
  EXPECT_EQ(Rename("x", "d/s"), EISDIR);
  EXPECT_EQ(Rename("d/s", "n"), EXDEV);
  EXPECT_EQ(Rename("d/none", "n"), ENOENT);
  EXPECT_EQ(Rename("x", "d/f", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(MakeNode("d/w", S_IFCHR, 0), EPERM);
  EXPECT_EQ(Upper(), T());
}

// rules: C C1 C3 C15
TEST_F(CopyUpTest, MetadataCopiesTheObjectItself) {
  PutOfEachType();
  Mount();
  SetAttrArgs owner;
  owner.uid = 5;
  for (const char* path : {"d/f", "d/s", "d/l", "d/p", "d/c"}) {
    EXPECT_EQ(fs_->SetAttr(me_, Walk(path), 0, owner).error(), 0) << path;
  }
  EXPECT_EQ(Upper(), (T{{"d", "dir origin"},
                        {"d/f", "file data origin"},
                        {"d/s", "dir origin"},
                        {"d/l", "symlink target origin"},
                        {"d/p", "fifo origin"},
                        {"d/c", "mode 20640 origin"}}));
  EXPECT_EQ(Record("u", "impure"), "y");    // C2
  EXPECT_EQ(Record("u/d", "impure"), "y");  // C2
  struct stat st;
  ASSERT_EQ(::lstat(At("u/d/c").c_str(), &st), 0);
  EXPECT_EQ(st.st_rdev, makedev(1, 3));
  EXPECT_EQ(Leftovers(), V());
}

// rules: C (setxattr refused later)
TEST_F(CopyUpTest, ARefusedSetxattrHasCopied) {
  Put("b/f");
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "user.x", "1", 1, 0), 0);
  Mount();
  EXPECT_EQ(SetXattr("f", "user.x", "2", XATTR_CREATE), EEXIST);
  EXPECT_TRUE(Exists("u/f"));
  EXPECT_EQ(fs_->GetXattr(me_, Walk("f"), "user.x").value_or(""), "1");
}

// rules: C (unlink, rmdir)
TEST_F(CopyUpTest, RemovingCopiesTheParentOnly) {
  PutOfEachType();
  Mount();
  for (const char* path : {"d/f", "d/l", "d/p", "d/c"}) EXPECT_EQ(Unlink(path), 0);
  EXPECT_EQ(RemoveDir("d/s"), 0);
  EXPECT_EQ(Upper(), (T{{"d", "dir origin"},
                        {"d/f", "whiteout"},
                        {"d/l", "whiteout"},
                        {"d/p", "whiteout"},
                        {"d/c", "whiteout"},
                        {"d/s", "whiteout"}}));
}

// rules: C5 C1 S14
TEST_F(CopyUpTest, KeepsTheTimesOfObjectAndParents) {
  Put("b/p/q/f", "data");
  struct timespec times[2] = {{1000, 1}, {2000, 2}};
  for (const char* path : {"b/p/q/f", "b/p/q", "b/p", "u"}) {
    ASSERT_EQ(::utimensat(AT_FDCWD, At(path).c_str(), times, 0), 0);
  }
  Mount();
  EXPECT_EQ(Chmod("p/q/f", 0600), 0);
  for (const char* path : {"u/p/q/f", "u/p/q", "u/p", "u"}) {
    struct stat st;
    ASSERT_EQ(::lstat(At(path).c_str(), &st), 0);
    EXPECT_EQ(st.st_mtim.tv_sec, 2000) << path;
    EXPECT_EQ(st.st_mtim.tv_nsec, 2) << path;
    EXPECT_EQ(st.st_atim.tv_sec, 1000) << path;
  }
}

// rules: C4 C6 C7
TEST_F(CopyUpTest, KeepsModeOwnerXattrsAndRecordsProtection) {
  Put("b/f", "data");
  ASSERT_EQ(::chown(At("b/f").c_str(), 5, 6), 0);
  ASSERT_EQ(::chmod(At("b/f").c_str(), 06755), 0);
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "user.x", "1", 1, 0), 0);
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "trusted.overlay.overlay.x", "escaped", 7, 0), 0);
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  const unsigned char capability[20] = {0, 0, 0, 2, 0, 4, 0, 0};
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "security.capability", capability, sizeof capability, 0), 0);
  int fd = ::open(At("b/f").c_str(), O_RDONLY);
  int flags = FS_NOATIME_FL;
  bool has_flags = ::ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
  ::close(fd);
  Mount();
  Result<Opened> file = fs_->Open(me_, Walk("f"), O_WRONLY, false);
  ASSERT_EQ(file.error(), 0);
  fs_->Release(Walk("f"), file->handle);
  struct stat st;
  ASSERT_EQ(::lstat(At("u/f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode, static_cast<mode_t>(S_IFREG | 06755));
  EXPECT_EQ(st.st_uid, 5u);
  EXPECT_EQ(st.st_gid, 6u);
  EXPECT_EQ(Record("u/f", "overlay.x"), "escaped");
  EXPECT_EQ(Record("u/f", "opaque"), "(none)");
  char value[64];
  EXPECT_EQ(::getxattr(At("u/f").c_str(), "user.x", value, sizeof value), 1);
  EXPECT_EQ(::getxattr(At("u/f").c_str(), "security.capability", value, sizeof value), 20);
  if (!has_flags) return;
  fd = ::open(At("u/f").c_str(), O_RDONLY);
  ASSERT_EQ(::ioctl(fd, FS_IOC_GETFLAGS, &flags), 0);
  ::close(fd);
  EXPECT_TRUE(flags & FS_NOATIME_FL);
}

// Which calls of a kind an operation makes.
class Count : public FaultHook {
 public:
  explicit Count(Op op) : op_(op) {}
  int Before(Op op) override {
    n += op == op_;
    return 0;
  }
  int n = 0;

 private:
  const Op op_;
};

// rules: C14 M29
TEST_F(CopyUpTest, SyncsByPolicy) {
  struct Case {
    FsyncPolicy policy;
    const char* path;
    int syncs;
  };
  const Case cases[] = {
      {FsyncPolicy::kAuto, "f", 1},   {FsyncPolicy::kAuto, "d", 0},     {FsyncPolicy::kStrict, "f", 1},
      {FsyncPolicy::kStrict, "d", 1}, {FsyncPolicy::kVolatile, "f", 0}, {FsyncPolicy::kVolatile, "d", 0},
  };
  for (const Case& c : cases) {
    Put("b/f", "data");
    Dir("b/d");
    Mount([&](StackConfig* config) { config->fsync = c.policy; });
    NodeId node = Walk(c.path);
    Count syncs(Op::kFsync);
    {
      ScopedFaults faults(&syncs);
      SetAttrArgs args;
      args.mode = 0700;
      EXPECT_EQ(fs_->SetAttr(me_, node, 0, args).error(), 0);
    }
    EXPECT_EQ(syncs.n, c.syncs) << c.path << " " << static_cast<int>(c.policy);
    Unmount();
    for (const char* path : {"u/f", "u/d", "w/work"}) std::filesystem::remove_all(root_ / path);
  }
}

// rules: C9
TEST_F(CopyUpTest, TruncatingReadsNothing) {
  Put("b/f", "data");
  Put("b/g", "data");
  Mount();
  NodeId f = Walk("f"), g = Walk("g");
  auto plan = FaultPlan::Parse("copy_file_range=EIO,read=EIO,clone=EIO");
  ASSERT_TRUE(plan.ok());
  {
    ScopedFaults faults(plan->get());
    Result<Opened> file = fs_->Open(me_, f, O_WRONLY | O_TRUNC, false);
    ASSERT_EQ(file.error(), 0);
    fs_->Release(f, file->handle);
    SetAttrArgs args;
    args.size = 0;
    EXPECT_EQ(fs_->SetAttr(me_, g, 0, args).error(), 0);
  }
  EXPECT_EQ(Upper(), (T{{"f", "file  origin"}, {"g", "file  origin"}}));
}

// rules: C11
TEST_F(CopyUpTest, AnOwnerThatDoesNotMapIsEoverflow) {
  Put("b/f", "data");
  Mount();
  auto plan = FaultPlan::Parse("chown=EINVAL");
  ASSERT_TRUE(plan.ok());
  NodeId f = Walk("f");
  {
    ScopedFaults faults(plan->get());
    EXPECT_EQ(fs_->Open(me_, f, O_WRONLY, false).error(), EOVERFLOW);
  }
  EXPECT_EQ(Upper(), T());
  EXPECT_EQ(Leftovers(), V());
}

// rules: S6 C15 D10
TEST_F(CopyUpTest, LinksOfALowerFilePart) {
  Put("b/l1", "one");
  ASSERT_EQ(::link(At("b/l1").c_str(), At("b/l2").c_str()), 0);
  Mount();
  List();
  EXPECT_EQ(Write("l1", "TWO"), 0);
  EXPECT_EQ(Read("l2"), "one");
  EXPECT_EQ(Stat("l1").nlink, 1u);
  EXPECT_EQ(Stat("l2").nlink, 2u);
  EXPECT_NE(Stat("l1").ino, Stat("l2").ino);
  EXPECT_EQ(Record("u/l1", "origin"), "(none)");
  TreeText view = View();  // numbers of the listing too
  Mount();
  EXPECT_EQ(View(), view);
}

// rules: S1 S5
TEST_F(CopyUpTest, KeepsTheNumber) {
  PutOfEachType();
  Mount();
  std::map<std::string, uint64_t> before;
  V paths{"d", "d/f", "d/s", "d/l", "d/p", "d/c"};
  for (const std::string& path : paths) before[path] = Stat(path).ino;
  SetAttrArgs owner;
  owner.uid = 5;
  for (const std::string& path : paths) EXPECT_EQ(fs_->SetAttr(me_, Walk(path), 0, owner).error(), 0);
  for (const std::string& path : paths) EXPECT_EQ(Stat(path).ino, before[path]) << path;
  View();
  EXPECT_EQ(Rename("d/f", "f"), 0);
  Mount();
  EXPECT_EQ(Stat("f").ino, before["d/f"]);
  EXPECT_EQ(Stat("d/s").ino, before["d/s"]);
  View();
}

// rules: C19
TEST_F(CopyUpTest, AHandleFollowsItsFile) {
  Put("b/f", "old");
  Mount();
  NodeId f = Walk("f");
  Result<Opened> reader = fs_->Open(me_, f, O_RDONLY, false);
  ASSERT_EQ(reader.error(), 0);
  EXPECT_EQ(ReadHandle(reader->handle), "old");
  EXPECT_EQ(Write("f", "new"), 0);
  EXPECT_EQ(ReadHandle(reader->handle), "new");
  EXPECT_EQ(Rename("f", "g"), 0);
  EXPECT_EQ(Write("g", "NEW"), 0);
  EXPECT_EQ(ReadHandle(reader->handle), "NEW");
  fs_->Release(f, reader->handle);
}

// rules: C19
TEST_F(CopyUpTest, AHandleOpenedDuringTheCopyFollowsToo) {
  Put("b/f", "old");
  Mount();
  NodeId f = Walk("f");
  // The file is opened; before it becomes a handle (the stamp of its cache is taken by statx), it is copied
  // up.
  ActAt write(Op::kStatx, [&] { EXPECT_EQ(Write("f", "new"), 0); }, 2);
  Result<Opened> reader(Errno(EIO));
  {
    ScopedFaults faults(&write);
    reader = fs_->Open(me_, f, O_RDONLY, false);
  }
  ASSERT_TRUE(write.acted());
  ASSERT_EQ(reader.error(), 0);
  EXPECT_EQ(ReadHandle(reader->handle), "new");
  fs_->Release(f, reader->handle);
}

// rules: N20 C5
TEST_F(CopyUpTest, ACopyThatStandsIsNotDeniedForTheTimesOfItsParent) {
  Put("b/f", "old");
  Mount();
  NodeId f = Walk("f");
  // The object's own times are the first, its parent's the second.
  auto plan = FaultPlan::Parse("utimens@2=EIO");
  ASSERT_TRUE(plan.ok());
  {
    ScopedFaults faults(plan->get());
    Result<Opened> file = fs_->Open(me_, f, O_WRONLY, false);
    ASSERT_EQ(file.error(), 0);
    fs_->Release(f, file->handle);
  }
  EXPECT_EQ(Write("f", "new"), 0);
  EXPECT_EQ(Get("u/f"), "new");
}

// rules: N19 C12
TEST_F(CopyUpTest, ANameRemovedWhileItsFileIsCopiedStaysRemoved) {
  Put("b/f", "data");
  Mount();
  NodeId f = Walk("f");
  ActAt unlink(Op::kUtimens, [&] { EXPECT_EQ(Unlink("f"), 0); });
  Result<Opened> file(Errno(EIO));
  {
    ScopedFaults faults(&unlink);
    file = fs_->Open(me_, f, O_RDWR, false);
  }
  ASSERT_TRUE(unlink.acted());
  ASSERT_EQ(file.error(), 0);
  EXPECT_EQ(fs_->Write(me_, f, file->handle, 0, std::string_view("DA"), {}).error(), 0);
  EXPECT_EQ(ReadHandle(file->handle), "DAta");
  EXPECT_EQ(fs_->GetAttr(me_, f, 0)->attr.nlink, 0u);
  EXPECT_EQ(Upper(), (T{{"f", "whiteout"}}));
  EXPECT_EQ(Read("f"), "(absent)");
  fs_->Release(f, file->handle);
  EXPECT_EQ(Leftovers(), V());
}

}  // namespace
}  // namespace plyfs
