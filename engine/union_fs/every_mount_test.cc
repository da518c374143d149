// Every call failing once, and giving each answer that it may give, on mounts of other options than
// every_call_test.cc has.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>

#include "engine/union_fs/every_call_for_test.h"

namespace plyfs {
namespace {

class EveryMountTest : public EveryCallTest {
 protected:
  void LayAll() {
    Lay([this] {
      Put("b/low", "low");
      Put("b/dir/f", "f");
      Put("b/dir/deep/g", "g");
      ASSERT_EQ(::symlink("f", At("b/dir/link").c_str()), 0);
      ASSERT_EQ(::setxattr(At("b/low").c_str(), "user.k", "value", 5, 0), 0);
      Put("a/dir/h", "h");
      Put("u/own", "own");
      Whiteout("u/gone");
      Put("b/gone/x");
      Put("b/cleared/x");
      Dir("u/cleared");
      Whiteout("u/cleared/x");
    });
  }
  void CheckChanges(bool redirects) {
    Check("create over a whiteout", [this] { return Create("gone"); });
    Check("mkdir over a whiteout", [this] { return MakeDir("gone"); });
    Check("copy up a file", [this] { return Chmod("dir/f", 0600); });
    Check("copy up a directory", [this] { return Chmod("dir", 0700); });
    Check("copy up a link", [this] {
      SetAttrArgs args;
      args.uid = 7;
      return SetAttrOf("dir/link", args);
    });
    Check("write", [this] { return Write("low", "LOW"); });
    Check("unlink", [this] { return Unlink("low"); });
    Check("rmdir of whiteouts", [this] { return RemoveDir("cleared"); });
    Check("rename", [this] { return Rename("low", "dir/new"); });
    Check("exchange", [this] { return Rename("low", "dir/f", RENAME_EXCHANGE); });
    if (redirects) Check("rename a directory", [this] { return Rename("dir/deep", "cleared"); });
  }
  void CheckAsked() {
    CheckQuestion("list", [this](std::string* text) {
      const NodeId node = Walk("dir");
      if (node == 0) return EIO;
      Result<Opened> dir = fs_->OpenDir(me_, node, 0);
      if (!dir.ok()) return dir.error();
      std::set<std::string> names;
      const Status read =
          fs_->ReadDirPlus(me_, node, dir->handle, 0, [&](const DirEntry& e, const Entry& entry) {
            if (entry.node != 0) fs_->Forget(entry.node, 1);
            return names.emplace(e.name).second;
          });
      for (const std::string& name : names) *text += name + " ";
      fs_->ReleaseDir(node, dir->handle);
      return read.error();
    });
    CheckQuestion("read", [this](std::string* text) {
      return WithFile("low", O_RDONLY, [=, this](NodeId node, Handle handle) {
        text->resize(10);
        Result<size_t> n = fs_->Read(node, handle, 0, *text);
        if (!n.ok()) return n.error();
        text->resize(*n);
        return 0;
      });
    });
    CheckQuestion("absent", [this](std::string* text) {
      Result<Entry> entry = fs_->Lookup(me_, kRootNode, Name::Trusted("none"));
      if (entry.ok()) *text = std::to_string(entry->node);
      return entry.error();
    });
  }
};

// rules: U2 C10
TEST_F(EveryMountTest, OfLayersThatAreWatched) {
  Use([](StackConfig* c) { c->lower = LowerMode::kWatch; });
  WithoutAnswers();
  LayAll();
  Check("copy up", [this] { return Chmod("dir/f", 0600); });
  Check("unlink", [this] { return Unlink("low"); });
  Check("rename", [this] { return Rename("low", "dir/new"); });
  CheckAsked();
}

// rules: R8 C14
TEST_F(EveryMountTest, WithRedirectsThatSyncsAll) {
  Use([](StackConfig* c) {
    c->redirect_dir = RedirectDir::kOn;
    c->fsync = FsyncPolicy::kStrict;
    c->merge_index = MergeIndex::kOn;
    c->use_io_uring = false;
  });
  LayAll();
  CheckChanges(/*redirects=*/true);
  CheckAsked();
}

// rules: O1 O2
TEST_F(EveryMountTest, ThatReadsOtherWhiteouts) {
  Use([](StackConfig* c) {
    c->other_whiteouts = OtherWhiteouts::kOn;
    c->static_nlink = true;
    c->uuid = UuidMode::kOff;
  });
  LayAll();
  CheckChanges(/*redirects=*/false);
  CheckAsked();
}

// rules: A6
TEST_F(EveryMountTest, WhoseRecordsAreOfUsers) {
  Use([](StackConfig* c) {
    c->userxattr = true;
    c->xino = XinoMode::kOn;
    c->no_fsync_requests = true;
  });
  LayAll();
  CheckChanges(/*redirects=*/false);
  CheckAsked();
}

// rules: L16 L20
TEST_F(EveryMountTest, WhoseDataAreInAnotherLayer) {
  Use([this](StackConfig* c) {
    c->upperdir = c->workdir = "";
    c->datadirs = {At("d"), At("e")};
    c->metacopy = true;
    c->redirect_dir = RedirectDir::kOn;
  });
  Lay([this] {
    Put("e/data", "low");
    Put("d/other");
    Put("a/low");
    ASSERT_EQ(::truncate(At("a/low").c_str(), 3), 0);
    SetRecord("a/low", "metacopy", "");
    SetRecord("a/low", "redirect", "/data");
    Put("a/dir/named");
    ASSERT_EQ(::truncate(At("a/dir/named").c_str(), 5), 0);
    SetRecord("a/dir/named", "metacopy", "");
    Put("b/dir/named", "named");
  });
  CheckAsked();
  CheckQuestion("attributes and data", [this](std::string* text) {
    const NodeId node = Walk("dir/named");
    Result<AttrReply> reply = fs_->GetAttr(me_, node, 0);
    if (!reply.ok()) return reply.error();
    return WithFile("dir/named", O_RDONLY, [=, this](NodeId, Handle handle) {
      text->resize(10);
      Result<size_t> n = fs_->Read(node, handle, 0, *text);
      if (!n.ok()) return n.error();
      text->resize(*n);
      return 0;
    });
  });
}

}  // namespace
}  // namespace plyfs
