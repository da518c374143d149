// Every change of upper at which the machine may stop, or a single call may fail: afterwards the tree is the
// old or the new one, and the engine knows which.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

using T = TreeText;

// Fails one change of the disk, or it and all after it.
class FailChange : public FaultHook {
 public:
  FailChange(int nth, bool dead) : nth_(nth), dead_(dead) {}
  int Before(Op op) override {
    if (!OpChangesDisk(op)) return 0;
    ++seen_;
    if (seen_ == nth_) failed_ = op;
    return seen_ == nth_ || (dead_ && seen_ > nth_) ? EIO : 0;
  }
  // There were fewer changes.
  bool never() const { return seen_ < nth_; }
  Op failed() const { return failed_; }

 private:
  const int nth_;
  const bool dead_;
  int seen_ = 0;
  Op failed_ = Op::kCount;
};

class CrashTest : public UnionFixture {
 protected:
  CrashTest() : UnionFixture("/dev/shm") {}

  using Step = std::function<int()>;

  void Begin(bool redirecting) {
    StartOver();
    // A little of everything.
    Put("b/low", "low");
    Put("b/low2", "low2");
    Put("b/both", "below");
    Put("u/both", "above");
    Put("u/own", "own");
    Put("b/dir/f", "f");
    Put("b/dir/deep/g", "g");
    Put("b/gone", "gone");
    Whiteout("u/gone");
    Dir("b/empty");
    Put("b/cleared/x");
    Dir("u/cleared");
    Whiteout("u/cleared/x");
    Dir("u/owncleared");
    Whiteout("u/owncleared/x");
    Put("u/owndir/h", "h");
    ASSERT_EQ(::mkfifo(At("b/fifo").c_str(), 0600), 0);
    Mount([=](StackConfig* c) {
      c->redirect_dir = redirecting ? RedirectDir::kOn : RedirectDir::kFollow;
      c->opaque_mkdir = redirecting;
    });
  }

  void CheckEveryStep(const char* name, bool redirecting, const Step& step) {
    SCOPED_TRACE(name);
    Begin(redirecting);
    const T old_view = View();
    ASSERT_EQ(step(), 0);
    const T new_view = View();
    ASSERT_NE(old_view, new_view) << "the step does nothing";
    for (bool dead : {true, false}) {
      bool more = true;
      for (int nth = 1; more; ++nth) {
        SCOPED_TRACE((dead ? "crash at change " : "failure of change ") + std::to_string(nth));
        more = CheckStep(redirecting, step, nth, dead, old_view, new_view);
        if (HasFatalFailure() || HasNonfatalFailure()) return;
      }
    }
  }

 private:
  bool CheckStep(bool redirecting, const Step& step, int nth, bool dead, const T& old_view,
                 const T& new_view) {
    Begin(redirecting);
    EXPECT_EQ(View(), old_view);
    FailChange fault(nth, dead);
    int error = 0;
    {
      ScopedFaults faults(&fault);
      error = step();
    }
    if (fault.never()) {
      EXPECT_EQ(error, 0);
      EXPECT_GT(nth, 1);
      return false;
    }
    EXPECT_LE(WorkDepth(), 2);
    if (!dead) {
      // The engine goes on, and knows what is so.
      T live = View();
      EXPECT_EQ(live, error == 0 ? new_view : old_view) << OpName(fault.failed());
      // What could not be discarded stays until the next mount.
      if (fault.failed() != Op::kUnlink) {
        EXPECT_EQ(Leftovers(), std::vector<std::string>());
      }
    }
    Mount([=](StackConfig* c) { c->redirect_dir = redirecting ? RedirectDir::kOn : RedirectDir::kFollow; });
    T view = View();
    if (error == 0) {
      EXPECT_EQ(view, new_view);
    } else if (!dead) {
      EXPECT_EQ(view, old_view) << OpName(fault.failed());
    } else {
      EXPECT_TRUE(view == old_view || view == new_view)
          << OpName(fault.failed()) << ::testing::PrintToString(view) << "\nold "
          << ::testing::PrintToString(old_view) << "\nnew " << ::testing::PrintToString(new_view);
    }
    return true;
  }
};

// rules: N20 C3 C10 M14
TEST_F(CrashTest, NewNames) {
  CheckEveryStep("create", false, [this] { return Create("dir/deep/new"); });
  CheckEveryStep("create over whiteout", false, [this] { return Create("gone"); });
  CheckEveryStep("mkdir", false, [this] { return MakeDir("dir/new"); });
  CheckEveryStep("mkdir over whiteout", false, [this] { return MakeDir("gone"); });
  CheckEveryStep("mkdir opaque", true, [this] { return MakeDir("dir/new"); });
  CheckEveryStep("symlink over whiteout", false, [this] { return Symlink("gone", "x"); });
  CheckEveryStep("mknod", false, [this] { return MakeNode("dir/new", S_IFIFO | 0600); });
  CheckEveryStep("link", false, [this] { return Link("low", "dir/new"); });
  CheckEveryStep("link over whiteout", false, [this] { return Link("low", "gone"); });
}

// rules: N20 N8 N9 N10 M14
TEST_F(CrashTest, RemovedNames) {
  CheckEveryStep("unlink own", false, [this] { return Unlink("own"); });
  CheckEveryStep("unlink lower", false, [this] { return Unlink("dir/deep/g"); });
  CheckEveryStep("unlink both", false, [this] { return Unlink("both"); });
  CheckEveryStep("rmdir lower", false, [this] { return RemoveDir("empty"); });
  CheckEveryStep("rmdir with whiteouts", false, [this] { return RemoveDir("cleared"); });
  CheckEveryStep("rmdir own with whiteouts", false, [this] { return RemoveDir("owncleared"); });
}

// rules: N20 C3 C10 B12
TEST_F(CrashTest, CopyUp) {
  CheckEveryStep("chmod file", false, [this] { return Chmod("dir/deep/g", 0600); });
  CheckEveryStep("chmod dir", false, [this] { return Chmod("dir/deep", 0700); });
  CheckEveryStep("chmod fifo", false, [this] { return Chmod("fifo", 0640); });
  CheckEveryStep("write", false, [this] { return Write("low", "LOW"); });
}

// rules: N20 R3 R4 R5 R6
TEST_F(CrashTest, RenamesOfFiles) {
  CheckEveryStep("own", false, [this] { return Rename("own", "new"); });
  CheckEveryStep("lower", false, [this] { return Rename("low", "dir/new"); });
  CheckEveryStep("lower over whiteout", false, [this] { return Rename("low", "gone"); });
  CheckEveryStep("own over whiteout", false, [this] { return Rename("own", "gone"); });
  CheckEveryStep("own over lower", false, [this] { return Rename("own", "low"); });
  CheckEveryStep("lower over lower", false, [this] { return Rename("low2", "low"); });
  CheckEveryStep("lower over own", false, [this] { return Rename("low", "own"); });
  CheckEveryStep("exchange", false, [this] { return Rename("low", "own", RENAME_EXCHANGE); });
}

// rules: N20 R7 R9 R10 R11 R13
TEST_F(CrashTest, RenamesOfDirectories) {
  CheckEveryStep("own", false, [this] { return Rename("owndir", "dir/new"); });
  CheckEveryStep("over whiteout", false, [this] { return Rename("owndir", "gone"); });
  CheckEveryStep("over lower", false, [this] { return Rename("owndir", "empty"); });
  CheckEveryStep("over cleared", false, [this] { return Rename("owndir", "cleared"); });
  CheckEveryStep("over own cleared", false, [this] { return Rename("owndir", "owncleared"); });
  CheckEveryStep("exchange", false, [this] { return Rename("owndir", "low", RENAME_EXCHANGE); });
  CheckEveryStep("merged", true, [this] { return Rename("dir", "new"); });
  CheckEveryStep("merged elsewhere", true, [this] { return Rename("dir/deep", "new"); });
  CheckEveryStep("merged over cleared", true, [this] { return Rename("dir", "cleared"); });
  CheckEveryStep("merged over whiteout", true, [this] { return Rename("dir", "gone"); });
  CheckEveryStep("merged exchange", true, [this] { return Rename("dir", "empty", RENAME_EXCHANGE); });
}

// Fails each statx after a call of a kind: the change is done, its result cannot be looked at.
class FailLookAfter : public FaultHook {
 public:
  explicit FailLookAfter(Op op) : op_(op) {}
  int Before(Op op) override {
    if (op == op_) done_ = true;
    return done_ && op == Op::kStatx ? EIO : 0;
  }

 private:
  const Op op_;
  bool done_ = false;
};

class ClientTold : public Invalidator {
 public:
  void InvalidateEntry(NodeId, std::string_view name) override { names.emplace_back(name); }
  void InvalidateAttr(NodeId node) override { attrs.push_back(node); }
  void InvalidateData(NodeId node) override { data.push_back(node); }
  std::vector<std::string> names;
  std::vector<NodeId> attrs, data;
};

// What is done stays done; nothing that was known before is shown any more, by the engine or by the client.
class LateFailure : public CrashTest {
 protected:
  int FailLate(Op change, const std::function<int()>& act) {
    fs_->SetInvalidator(&told_);
    FailLookAfter fault(change);
    ScopedFaults faults(&fault);
    return act();
  }
  ClientTold told_;
};

TEST_F(LateFailure, OfALinkShowsTheNewNameAndBothLinks) {
  Begin(/*redirecting=*/false);
  const NodeId own = Walk("own");
  ASSERT_EQ(Stat("own").nlink, 1u);
  EXPECT_EQ(FailLate(Op::kLink, [this] { return Link("own", "owndir/new"); }), EIO);
  EXPECT_EQ(Stat("own").nlink, 2u);
  EXPECT_EQ(Read("owndir/new"), "own");
  // The directory's times have moved, too.
  EXPECT_EQ(told_.attrs, (std::vector<NodeId>{own, Walk("owndir")}));
  EXPECT_EQ(told_.names, std::vector<std::string>{"new"});
}

TEST_F(LateFailure, OfAttributesHasTheClientAskAgain) {
  Begin(/*redirecting=*/false);
  const NodeId own = Walk("own");
  EXPECT_EQ(FailLate(Op::kChmod, [this] { return Chmod("own", 0600); }), EIO);
  EXPECT_EQ(Stat("own").mode & 07777, 0600u);
  EXPECT_EQ(told_.attrs, std::vector<NodeId>{own});
}

TEST_F(LateFailure, OfTruncationHasTheClientDropItsPages) {
  Begin(/*redirecting=*/false);
  const NodeId own = Walk("own");
  SetAttrArgs cut;
  cut.size = 1;
  EXPECT_EQ(FailLate(Op::kTruncate, [&] { return fs_->SetAttr(me_, own, 0, cut).error(); }), EIO);
  EXPECT_EQ(Stat("own").size, 1u);
  const auto open_empty = [&] { return fs_->Open(me_, own, O_WRONLY | O_TRUNC, false).error(); };
  EXPECT_EQ(FailLate(Op::kTruncate, open_empty), EIO);
  EXPECT_EQ(Stat("own").size, 0u);
  EXPECT_EQ(told_.data, (std::vector<NodeId>{own, own}));
}

}  // namespace
}  // namespace plyfs
