// The lines of errnos.txt that no sequence of operations reaches: each operation with each change of the disk
// (or, of those that only read, each call) failing with the line's errno.  The operation must hand that errno
// on from at least one of them, and one that failed must have left the tree as it was.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/testing/union_fixture.h"
#include "tests/differential/errnos.h"

namespace plyfs::diff {
namespace {

class FailCall : public FaultHook {
 public:
  FailCall(int nth, int error, bool changes_only) : nth_(nth), error_(error), changes_only_(changes_only) {}
  int Before(plyfs::Op op) override {
    if (changes_only_ && !OpChangesDisk(op)) return 0;
    return ++seen_ == nth_ ? error_ : 0;
  }
  // There were fewer calls.
  bool never() const { return seen_ < nth_; }

 private:
  const int nth_, error_;
  const bool changes_only_;
  int seen_ = 0;
};

class FaultsTest : public UnionFixture {
 public:
  FaultsTest() : UnionFixture("/dev/shm") {}

 protected:
  void Begin() {
    handle_ = other_ = 0;
    StartOver();
    Put("b/low", "low");
    Put("b/dir/deep/f", "lower data");
    Put("b/gone", "gone");
    Whiteout("u/gone");
    Dir("b/empty");
    Put("u/own", "own");
    Put("u/dir2/x", "x");
    ASSERT_EQ(::symlink("own", At("b/sym").c_str()), 0);
    Mount([](StackConfig* c) { c->redirect_dir = RedirectDir::kOn; });
    ASSERT_EQ(SetXattr("own", "user.a", "1"), 0);
  }

  NodeId Opened(const std::string& path, uint32_t flags, Handle* handle) {
    const NodeId node = Walk(path);
    Result<plyfs::Opened> file = fs_->Open(me_, node, flags, false);
    EXPECT_EQ(file.error(), 0) << path;
    *handle = file.ok() ? file->handle : 0;
    return node;
  }
  int Set(const std::string& path, const SetAttrArgs& args) {
    return fs_->SetAttr(me_, Walk(path), 0, args).error();
  }
  int ListOnce() {
    Result<plyfs::Opened> dir = fs_->OpenDir(me_, node_, 0);
    if (!dir.ok()) return dir.error();
    Status read = fs_->ReadDir(0, dir->handle, 0, [](const DirEntry&) { return true; });
    fs_->ReleaseDir(0, dir->handle);
    return read.error();
  }

  // What is done before the fault, and under it.
  struct Act {
    std::function<void()> prepare;
    std::function<int()> act;
    bool reads = false;
  };
  std::map<std::string, Act> Acts();
  // True when the errno came back for some call.
  bool Reached(const Act& act, int error);

  NodeId node_ = 0, node2_ = 0;
  Handle handle_ = 0, other_ = 0;
};

std::map<std::string, FaultsTest::Act> FaultsTest::Acts() {
  const auto nothing = [] {};
  const auto open_own = [this] { node_ = Opened("own", O_RDWR, &handle_); };
  const auto open_both = [this, open_own] {
    open_own();
    node2_ = Opened("dir2/x", O_RDONLY, &other_);
  };
  const auto args = [](auto set) {
    SetAttrArgs made;
    set(made);
    return made;
  };
  return {
      {"create",
       {nothing,
        [this] {
          const Name gone = Name::Trusted("gone");
          return fs_->Create(me_, kRootNode, gone, 0644, O_RDWR | O_CREAT | O_EXCL).error();
        }}},
      {"mkdir", {nothing, [this] { return MakeDir("dir/deep/new"); }}},
      {"mknod", {nothing, [this] { return MakeNode("gone", S_IFIFO | 0600); }}},
      {"symlink", {nothing, [this] { return Symlink("gone", "target"); }}},
      {"link", {nothing, [this] { return Link("low", "dir/new"); }}},
      {"unlink", {nothing, [this] { return Unlink("dir/deep/f"); }}},
      {"rmdir", {nothing, [this] { return RemoveDir("empty"); }}},
      {"rename", {nothing, [this] { return Rename("dir/deep", "moved"); }}},
      {"rename NOREPLACE", {nothing, [this] { return Rename("low", "gone", RENAME_NOREPLACE); }}},
      {"rename EXCHANGE", {nothing, [this] { return Rename("low", "dir/deep", RENAME_EXCHANGE); }}},
      {"O_TMPFILE",
       {nothing, [this] { return fs_->TmpFile(me_, Walk("dir"), 0600, O_RDWR | O_TMPFILE).error(); }}},
      {"linkat",
       {[this] { node_ = fs_->TmpFile(me_, Walk("dir2"), 0600, O_RDWR | O_TMPFILE)->entry.node; },
        [this] { return fs_->Link(me_, node_, kRootNode, Name::Trusted("gone")).error(); }}},
      {"chmod", {nothing, [this] { return Chmod("low", 0600); }}},
      {"chown", {nothing, [=, this] { return Set("low", args([](SetAttrArgs& a) { a.uid = 1000; })); }}},
      {"utimens",
       {nothing, [=, this] { return Set("low", args([](SetAttrArgs& a) { a.mtime = TimeSpec{7, 7}; })); }}},
      {"truncate", {nothing, [=, this] { return Set("low", args([](SetAttrArgs& a) { a.size = 1; })); }}},
      {"setxattr", {nothing, [this] { return SetXattr("low", "user.b", "2"); }}},
      {"removexattr", {nothing, [this] { return fs_->RemoveXattr(me_, Walk("own"), "user.a").error(); }}},
      {"open", {nothing, [this] { return fs_->Open(me_, Walk("dir/deep/f"), O_RDWR, false).error(); }}},
      {"open O_TRUNC",
       {nothing, [this] { return fs_->Open(me_, Walk("own"), O_RDWR | O_TRUNC, false).error(); }}},
      {"write",
       {open_own,
        [this] { return fs_->Write(me_, node_, handle_, 0, std::string_view("new"), {}).error(); }}},
      {"fallocate", {open_own, [this] { return fs_->Fallocate(me_, node_, handle_, 0, 0, 9000).error(); }}},
      {"copy_file_range",
       {open_both,
        [this] { return fs_->CopyFileRange(me_, node2_, other_, 0, node_, handle_, 0, 1).error(); }}},
      {"fsync", {open_own, [this] { return fs_->Fsync(node_, handle_, false).error(); }}},
      {"read",
       {open_own,
        [this] {
          char byte[1];
          return fs_->Read(node_, handle_, 0, byte).error();
        },
        true}},
      {"SEEK_DATA", {open_own, [this] { return fs_->Seek(node_, handle_, 0, SEEK_DATA).error(); }, true}},
      {"readdir with seek", {[this] { node_ = Walk("dir"); }, [this] { return ListOnce(); }, true}},
      {"readlink",
       {[this] { node_ = Walk("sym"); }, [this] { return fs_->ReadLink(me_, node_).error(); }, true}},
      {"getxattr",
       {[this] { node_ = Walk("own"); }, [this] { return fs_->GetXattr(me_, node_, "user.a").error(); },
        true}},
  };
}

bool FaultsTest::Reached(const Act& act, int error) {
  bool reached = false;
  constexpr int kMost = 300;
  for (int nth = 1; nth < kMost; ++nth) {
    Begin();
    act.prepare();
    // Looking would load what an operation that only reads is to ask the layers for.
    const TreeText before = act.reads ? TreeText() : View();
    FailCall fault(nth, error, !act.reads);
    int got = 0;
    {
      ScopedFaults faults(&fault);
      got = act.act();
    }
    if (fault.never()) {
      EXPECT_EQ(got, 0);
      return reached;
    }
    reached |= got == error;
    // What fails with another errno than it was given has made something up.
    EXPECT_TRUE(got == 0 || got == error) << strerrorname_np(got) << " from call " << nth;
    if (got != 0 && !act.reads) EXPECT_EQ(View(), before) << "call " << nth;
    if (got != 0 && got != error) return reached;
  }
  ADD_FAILURE() << "more than " << kMost << " calls";
  return reached;
}

TEST_F(FaultsTest, EveryLineIsReached) {
  std::ifstream in(PLYFS_ERRNOS_TXT);
  std::stringstream text;
  text << in.rdbuf();
  ErrnoFile file;
  ASSERT_EQ(file.Parse(text.str()), "");
  const auto acts = Acts();
  int lines = 0;
  for (const ErrnoLine& line : file.lines()) {
    if (line.fault_test != "differential_faults_test") continue;
    SCOPED_TRACE(line.operation + " " + strerrorname_np(line.error));
    auto act = acts.find(line.operation);
    ASSERT_NE(act, acts.end());
    EXPECT_TRUE(Reached(act->second, line.error));
    ++lines;
  }
  EXPECT_GT(lines, 0);
}

}  // namespace
}  // namespace plyfs::diff
