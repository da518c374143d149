// Every call that an operation makes, failing once: what could not be learnt is not made up, what is refused
// is not there, no descriptor and no temporary file is left, and the next mount sees what this one showed.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "engine/union_fs/every_call_for_test.h"

namespace plyfs {
namespace {

// rules: N20 C10
TEST_F(EveryCallTest, NewNames) {
  Lay([this] {
    Put("b/low", "low");
    Put("b/dir/f", "f");
    Whiteout("u/gone");
    Put("b/gone", "gone");
  });
  Check("create over whiteout", [this] { return Create("gone"); });
  Check("mkdir over whiteout", [this] { return MakeDir("gone"); });
  Check("symlink over whiteout", [this] { return Symlink("gone", "x"); });
  Check("link", [this] { return Link("low", "dir/new"); });
  Check("nameless file that gets a name", [this] {
    const NodeId dir = Walk("dir");
    Result<Created> made = fs_->TmpFile(me_, dir, 0644, O_RDWR);
    if (!made.ok()) return made.error();
    const NodeId node = made->entry.node;
    int error = fs_->Write(me_, node, made->opened.handle, 0, std::string("text"), {}).error();
    if (error == 0) error = fs_->Link(me_, node, dir, Name::Trusted("new")).error();
    fs_->Release(node, made->opened.handle);
    fs_->Forget(node, 1);
    return error;
  });
  Use([](StackConfig* c) { c->opaque_mkdir = true; });
  Check("mkdir opaque", [this] { return MakeDir("dir/new"); });
}

// rules: N16 F24
TEST_F(EveryCallTest, NewNamesThatInherit) {
  Lay([this] {
    Dir("u/dir");
    ASSERT_EQ(::chmod(At("u/dir").c_str(), 02777), 0);
    const std::string acl = SomeAcl();
    ASSERT_EQ(::setxattr(At("u/dir").c_str(), "system.posix_acl_default", acl.data(), acl.size(), 0), 0);
    Whiteout("u/dir/gone");
    Put("b/dir/gone", "gone");
  });
  me_.umask = 022;
  Check("create over whiteout", [this] { return Create("dir/gone"); });
  Check("mkdir over whiteout", [this] { return MakeDir("dir/gone"); });
  me_.uid = me_.gid = 7;
  Check("create as another user", [this] { return Create("dir/new"); });
}

// rules: N8 N9 N10
TEST_F(EveryCallTest, RemovedNames) {
  Lay([this] {
    Put("u/own", "own");
    Put("b/low", "low");
    ASSERT_EQ(::link(At("b/low").c_str(), At("b/low2").c_str()), 0);
    Put("b/cleared/x");
    Dir("u/cleared");
    Whiteout("u/cleared/x");
    Put("b/merged/x");
    Dir("a/merged");
  });
  Check("unlink own", [this] { return Unlink("own"); });
  Check("rmdir with whiteouts", [this] { return RemoveDir("cleared"); });
  Check(
      "empty a directory and remove it",
      [this] {
        const int error = Unlink("merged/x");
        return error != 0 ? error : RemoveDir("merged");
      },
      Done::kPartly);
}

// rules: R3-R13
TEST_F(EveryCallTest, Renames) {
  Lay([this] {
    Put("b/low", "low");
    Put("b/dir/f", "f");
  });
  Check("lower", [this] { return Rename("low", "dir/new"); });
  Use([](StackConfig* c) { c->redirect_dir = RedirectDir::kOn; });
  Lay([this] {
    Put("b/dir/deep/f", "f");
    Put("b/cleared/x");
    Dir("u/cleared");
    Whiteout("u/cleared/x");
    Dir("b/empty");
  });
  Check("directory over cleared", [this] { return Rename("dir", "cleared"); });
  Check("directories exchanged", [this] { return Rename("dir/deep", "empty", RENAME_EXCHANGE); });
}

// rules: C C10 A9 A10
TEST_F(EveryCallTest, Attributes) {
  Lay([this] {
    Put("u/own", "own");
    Put("b/dir/low", "low");
    for (const char* path : {"u/own", "b/dir/low"}) {
      ASSERT_EQ(::setxattr(At(path).c_str(), "user.k", "old", 3, 0), 0);
      ASSERT_EQ(::chmod(At(path).c_str(), 02775), 0);
    }
  });
  SetAttrArgs owner, size, times, all, nothing;
  owner.uid = 7;
  size.size = 1;
  size.kill_suidgid = true;
  times.mtime = TimeSpec{5, 5};
  times.atime_now = true;
  all = times;
  all.mode = 0600;
  all.uid = all.gid = 7;
  all.size = 2;
  Caller user;
  user.uid = user.gid = 7;
  Check("truncate", [=, this] { return SetAttrOf("own", size, user); }, Done::kPartly);
  Check("chown to nobody else", [=, this] { return SetAttrOf("dir/low", nothing); });
  Check("remove an xattr", [=, this] { return fs_->RemoveXattr(me_, Walk("dir/low"), "user.k").error(); });
  Check("all", [=, this] { return SetAttrOf("own", all); }, Done::kPartly);
  Check("chown", [=, this] { return SetAttrOf("own", owner, user); }, Done::kPartly);
  Check(
      "set an acl",
      [=, this] {
        return fs_->SetXattr(user, Walk("own"), "system.posix_acl_access", SomeAcl(), 0, true).error();
      },
      Done::kPartly);
  Check(
      "remove an acl",
      [=, this] {
        const int error =
            fs_->SetXattr(me_, Walk("own"), "system.posix_acl_access", SomeAcl(), 0, false).error();
        if (error != 0) return error;
        return fs_->RemoveXattr(user, Walk("own"), "system.posix_acl_access").error();
      },
      Done::kPartly);
}

// rules: A11 A14 C F12
TEST_F(EveryCallTest, OpenFiles) {
  Lay([this] {
    Put("u/own", "own");
    Put("b/low", "low");
    for (const char* path : {"u/own", "b/low"}) ASSERT_EQ(::chmod(At(path).c_str(), 06775), 0);
  });
  Caller user;
  user.uid = user.gid = 7;
  const auto write = [=, this](const char* path, const WriteFlags& flags) {
    return WithFile(path, O_RDWR, [=, this](NodeId node, Handle handle) {
      return fs_->Write(user, node, handle, 1, std::string("text"), flags).error();
    });
  };
  WriteFlags kill, from_cache;
  kill.kill_suidgid = true;
  from_cache.from_cache = true;
  Check("write", [=] { return write("own", kill); }, Done::kPartly);
  Check("write to lower", [=] { return write("low", {}); });
  Check("write back", [=] { return write("own", from_cache); });
  Check(
      "fallocate",
      [=, this] {
        return WithFile("own", O_RDWR, [=, this](NodeId node, Handle handle) {
          return fs_->Fallocate(user, node, handle, 0, 0, 10).error();
        });
      },
      Done::kPartly);
  Check(
      "copy_file_range",
      [=, this] {
        return WithFile("own", O_RDWR, [=, this](NodeId node, Handle handle) {
          return WithFile("low", O_RDONLY, [=, this](NodeId from, Handle source) {
            return fs_->CopyFileRange(user, from, source, 0, node, handle, 2, 3).error();
          });
        });
      },
      Done::kPartly);
  for (const char* path : {"own", "low"}) {
    SCOPED_TRACE(path);
    Check("open to read and truncate",
          [=, this] { return WithFile(path, O_RDONLY | O_TRUNC, [](NodeId, Handle) { return 0; }); });
  }
  Check("write and sync", [=, this] {
    return WithFile("own", O_RDWR, [=, this](NodeId node, Handle handle) {
      const int error = fs_->Write(me_, node, handle, 0, std::string("OWN"), {}).error();
      return error != 0 ? error : fs_->Fsync(node, handle, false).error();
    });
  });
}

// rules: A14 F12
TEST_F(EveryCallTest, Flags) {
  Lay([this] {
    Put("u/own", "own");
    Put("b/low", "low");
  });
  const uint32_t flags = FS_NOATIME_FL;
  struct fsxattr extended = {};
  extended.fsx_xflags = FS_XFLAG_NOATIME;
  Check("flags", [=, this] { return IoctlOf("low", FS_IOC_SETFLAGS, &flags, sizeof flags); });
  Check("extended flags",
        [=, this] { return IoctlOf("own", FS_IOC_FSSETXATTR, &extended, sizeof extended); });
}

// rules: C10 D11
TEST_F(EveryCallTest, WhatOnlyReads) {
  Lay([this] {
    Put("a/dir/one", "1");
    Put("b/dir/two", "2");
    Put("b/dir/sub/f", "3");
    Put("u/dir/own", "own");
    Whiteout("u/dir/gone");
    Put("b/dir/gone", "gone");
    ASSERT_EQ(::symlink("two", At("b/dir/link").c_str()), 0);
    ASSERT_EQ(::setxattr(At("b/dir/two").c_str(), "user.k", "value", 5, 0), 0);
    Dir("a/moved");
    SetRecord("a/moved", "redirect", "/dir");
  });
  const auto list = [this](const char* path, std::string* text) {
    const NodeId node = Walk(path);
    if (node == 0) return EIO;
    Result<Opened> dir = fs_->OpenDir(me_, node, 0);
    if (!dir.ok()) return dir.error();
    std::set<std::string> names;  // each once; in which order depends on where they were read
    Status read = fs_->ReadDir(node, dir->handle, 0,
                               [&](const DirEntry& entry) { return names.emplace(entry.name).second; });
    for (const std::string& name : names) *text += name + " ";
    if (read.ok()) read = fs_->FsyncDir(node, dir->handle, false);
    fs_->ReleaseDir(node, dir->handle);
    return read.error();
  };
  CheckQuestion("list", [=](std::string* text) { return list("dir", text); });
  CheckQuestion("list moved", [=](std::string* text) { return list("moved", text); });
  CheckQuestion("read", [this](std::string* text) {
    return WithFile("dir/two", O_RDONLY, [=, this](NodeId node, Handle handle) {
      text->resize(10);
      Result<size_t> n = fs_->Read(node, handle, 0, *text);
      if (!n.ok()) return n.error();
      text->resize(*n);
      return fs_->Seek(node, handle, 0, SEEK_DATA).error();
    });
  });
  CheckQuestion("read link", [this](std::string* text) {
    Result<std::string> target = fs_->ReadLink(me_, Walk("dir/link"));
    if (target.ok()) *text = *target;
    return target.error();
  });
  CheckQuestion("read attributes", [this](std::string* text) {
    Result<AttrReply> reply = fs_->GetAttr(me_, Walk("dir/two"), 0);
    if (reply.ok()) *text = std::to_string(reply->attr.size) + " " + std::to_string(reply->attr.ino);
    return reply.error();
  });
  CheckQuestion("get xattr", [this](std::string* text) {
    Result<std::string> value = fs_->GetXattr(me_, Walk("dir/two"), "user.k");
    if (value.ok()) *text = *value;
    return value.error();
  });
  CheckQuestion("list xattrs", [this](std::string* text) {
    Result<std::string> names = fs_->ListXattr(me_, Walk("dir/two"), 1000);
    if (names.ok()) *text = *names;
    return names.error();
  });
  for (uint32_t command : {FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR}) {
    CheckQuestion("get flags", [=, this](std::string* text) {
      Result<std::string> flags = fs_->Ioctl(me_, Walk("dir/two"), 0, command, "", sizeof(struct fsxattr));
      if (flags.ok()) *text = *flags;
      return flags.error();
    });
  }
  CheckQuestion("statfs", [this](std::string* text) {
    Result<StatFs> statfs = fs_->Statfs(kRootNode);
    if (statfs.ok()) *text = std::to_string(statfs->blocks) + " " + std::to_string(statfs->namelen);
    return statfs.error();
  });
}

// A mount that fails says why, keeps nothing open, and is in no other's way.
// rules: M12 M14 M29
TEST_F(EveryCallTest, Mounts) {
  Put("b/f");
  Put("d/data");
  const auto check = [this](const char* name, const Config& configure) {
    SCOPED_TRACE(name);
    StackConfig config;
    config.lowerdirs = {At("a"), At("b")};
    config.upperdir = At("u");
    config.workdir = At("w");
    config.lower = LowerMode::kFrozen;
    configure(&config);
    const auto open_before = OpenDescriptors();
    bool more = true;
    for (int nth = 1; more; ++nth) {
      std::filesystem::remove_all(At("w/work"));
      Put("w/work/#1/x/y");
      FailCall fault(nth);
      SCOPED_TRACE("call " + std::to_string(nth));
      std::string line;
      {
        ScopedFaults faults(&fault);
        auto opened = UnionFs::Open(config, &line);
        EXPECT_TRUE(opened.ok() || !line.empty());
        if (opened.ok()) {
          EXPECT_EQ(opened->get()->Lookup(me_, kRootNode, Name::Trusted("none")).value_or(Entry()).node, 0u);
        } else {
          EXPECT_FALSE(Exists("w/work/incompat/volatile"));
        }
      }
      EXPECT_EQ(OpenDescriptors(), open_before);
      more = fault.failed();
      if (HasFailure()) return;
    }
  };
  check("plain", [](StackConfig*) {});
  check("volatile", [](StackConfig* c) { c->fsync = FsyncPolicy::kVolatile; });
  check("all kinds of layers", [this](StackConfig* c) {
    c->datadirs = {At("d")};
    c->xino = XinoMode::kOn;
    c->uuid = UuidMode::kOn;
    c->other_whiteouts = OtherWhiteouts::kOn;
    c->lower = LowerMode::kWatch;
  });
  check("without an upper", [](StackConfig* c) { c->upperdir = c->workdir = ""; });
}

}  // namespace
}  // namespace plyfs
