// lower=watch: hands that act in the midst of an operation, at a chosen step of it (U2).
#include "engine/io/fault.h"
#include "engine/ops/locate.h"
#include "engine/testing/union_fixture.h"
#include "engine/union_fs/coherence_for_test.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

// Runs `act` before the first call that finds `path` there, once.
class OnceThere : public FaultHook {
 public:
  OnceThere(std::string path, std::function<void()> act) : path_(std::move(path)), act_(std::move(act)) {}
  int Before(Op) override {
    if (acted_ || !fs::exists(path_)) return 0;
    acted_ = true;
    act_();
    return 0;
  }
  bool acted() const { return acted_; }

 private:
  const std::string path_;
  const std::function<void()> act_;
  bool acted_ = false;
};

class CoherenceRaceTest : public CoherenceTest {
 protected:
  // What another client does meanwhile.
  static void Meanwhile(const std::function<void()>& act) { std::thread(act).join(); }
  // The watcher's thread has time to go wrong in.
  void Notice(NodeId dir, const std::string& name) {
    for (int i = 0; i < 100 && !told_.Entry(dir, name); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  uint32_t Mode(NodeId node) {
    Result<AttrReply> attr = ops::GetAttr(*parts_, node, 0);
    return attr.ok() ? attr->attr.mode & 07777 : 0;
  }
  // So many layers that asking for a few names does not pay for watching the directory.
  void MountMany() {
    ByHand("mkdir c d e; mkdir a/x b/x c/x d/x e/x; touch e/x/f");
    Mount(LowerMode::kWatch, OtherWhiteouts::kOff, {"a", "b", "c", "d", "e"});
  }
};

// Who is to be told of a name's change is who knows the name, and not what some reader has found it to be
// meanwhile.
TEST_F(CoherenceRaceTest, AReaderComesUponAReplacedDirectoryFirst) {
  ByHand("mkdir a/d");
  Mount();
  NodeId d = Walk("d");
  ASSERT_EQ(Walk("absent"), 0u);
  {
    Exclusion::Hold changing = parts_->dir_changes.Acquire(kRootNode);
    ByHand("mv a/d away; mkdir a/d");
    EXPECT_EQ(List(d), V());                   // watches it, and finds another one in its place
    EXPECT_TRUE(Lookup(kRootNode, "d").ok());  // which somebody holds
    EXPECT_FALSE(told_.Entry(kRootNode, "d"));
  }
  EXPECT_TRUE(Soon([&] { return told_.Entry(kRootNode, "d"); }));
  EXPECT_NE(Walk("d"), d);
}

// The name is in doubt, but the client uses the file all the same.
TEST_F(CoherenceRaceTest, AttributesOfAFileWhoseNameIsInDoubt) {
  ByHand("touch u/f a/g; chmod 644 u/f a/g");
  Mount();
  NodeId f = Walk("f"), g = Walk("g");
  parts_->coherence->ForgetAll();
  EXPECT_EQ(Mode(f), 0644u);
  EXPECT_EQ(Mode(g), 0644u);
  ByHand("chmod 600 u/f a/g");
  EXPECT_TRUE(Soon([&] { return Mode(f) == 0600 && Mode(g) == 0600; }));
  EXPECT_EQ(Walk("f"), f);
}

// The other name of the file was not known when it was changed by it.
TEST_F(CoherenceRaceTest, AttributesChangedByANameThatNobodyKnew) {
  ByHand("mkdir u/1 u/2; touch u/1/f; chmod 644 u/1/f; ln u/1/f u/2/g; touch u/2/other");
  Mount();
  NodeId f = Walk("1/f");
  ASSERT_NE(Walk("2/other"), 0u);  // watches the directory
  EXPECT_EQ(Mode(f), 0644u);
  ByHand("chmod 600 u/2/g");
  Settle();
  Result<Entry> g = Lookup(Walk("2"), "g");
  ASSERT_TRUE(g.ok());
  EXPECT_EQ(g->node, f);
  EXPECT_EQ(g->attr.mode & 07777, 0600u);
}

// The copy stands in upper, and the tree does not know yet: a lookup sees the layers without it.
TEST_F(CoherenceRaceTest, AHandInADirectoryThatIsBeingCopiedUp) {
  ByHand("mkdir b/d; touch b/d/low");
  Mount();
  NodeId d = Walk("d");
  ASSERT_EQ(List(d), V{"low"});
  ASSERT_EQ(Walk("d/x"), 0u);
  OnceThere hand(root_ + "/u/d", [&] {
    ByHand("touch u/d/x");
    Notice(d, "x");
    Meanwhile([&] {
      EXPECT_TRUE(Lookup(d, "x").ok());
      List(d);
    });
  });
  {
    ScopedFaults faults(&hand);
    ASSERT_TRUE(ops::Create(*parts_, Caller(), d, Name::Trusted("made"), 0644, O_RDWR).ok());
  }
  ASSERT_TRUE(hand.acted());
  EXPECT_TRUE(Soon([&] { return Walk("d/x") != 0 && List(d) == (V{"low", "made", "x"}); }));
}

// What a rename moves is what stands there then; its new name no hand has ever touched.
TEST_F(CoherenceRaceTest, AHandPutsSomethingElseThereBeforeARename) {
  struct {
    const char* put;
    std::string becomes;
  } const cases[] = {
      {"printf file > u/d", "file"}, {"mknod u/d c 0 0", "absent"}, {"mkdir u/d", "cannot open"}};
  for (const auto& [put, becomes] : cases) {
    ByHand("rm -rf u/* away; mkdir u/d u/d/e");
    Mount();
    NodeId d = Walk("d");
    ASSERT_EQ(List(d), V{"e"});
    ActAt hand(Op::kRename, [&] { ByHand(std::string("mv u/d away; ") + put); });
    {
      ScopedFaults faults(&hand);
      (void)ops::Rename(*parts_, kRootNode, Name::Trusted("d"), kRootNode, Name::Trusted("to"), 0);
    }
    ASSERT_TRUE(hand.acted());
    EXPECT_TRUE(Soon([&] { return Walk("to") != d && Read("to") == becomes && Walk("d") == 0; })) << put;
    EXPECT_TRUE(Soon([&] { return List(kRootNode) == (becomes == "absent" ? V() : V{"to"}); })) << put;
    parts_.reset();
  }
}

// A directory in upper that a hand moves is the same one at its new place: what is made in it through its old
// name shows there.
TEST_F(CoherenceRaceTest, ADirectoryIsMovedByHandWhileSomethingIsMadeInIt) {
  ByHand("mkdir u/p");
  Mount();
  NodeId p = Walk("p");
  ASSERT_EQ(List(p), V());
  ASSERT_EQ(Walk("q"), 0u);
  ActAt hand(Op::kCreate, [&] {
    ByHand("mv u/p u/q");
    ASSERT_TRUE(Soon([&] { return told_.Entry(kRootNode, "p") && told_.Entry(kRootNode, "q"); }));
    Meanwhile([&] {
      NodeId q = Walk("q");
      EXPECT_EQ(List(q), V());
      EXPECT_EQ(Lookup(q, "made")->node, 0u);
    });
  });
  {
    ScopedFaults faults(&hand);
    (void)ops::Create(*parts_, Caller(), p, Name::Trusted("made"), 0644, O_RDWR);
  }
  ASSERT_TRUE(hand.acted());
  EXPECT_TRUE(fs::exists(root_ + "/u/q/made"));
  EXPECT_EQ(Walk("q"), p);
  EXPECT_EQ(List(p), V{"made"});
  EXPECT_NE(Walk("q/made"), 0u);
}

// Whoever looks into q before the move out of p was told finds p beneath q, and knew q by a name in p.
TEST_F(CoherenceRaceTest, ATreeIsTurnedInsideOutByHand) {
  ByHand("mkdir -p u/p/q/x");
  Mount();
  NodeId p = Walk("p"), q = Walk("p/q");
  for (NodeId dir : {p, q}) {
    ASSERT_TRUE(UpperDir(*parts_, parts_->tree.inodes.Find(dir)).ok());  // is at hand from now on
  }
  {
    Exclusion::Hold changing = parts_->dir_changes.Acquire(kRootNode);
    ByHand("mv u/p/q u/q; mv u/p u/q/p");
    (void)Lookup(q, "p");
    parts_->coherence->ForgetAll();
  }
  Settle();
  EXPECT_EQ(Walk("q"), q);
  EXPECT_EQ(Walk("q/p"), p);
  EXPECT_EQ(Walk("p"), 0u);
  EXPECT_EQ(List(q), (V{"p", "x"}));
}

// What was made in a directory that nobody watched is not known once it is watched.
TEST_F(CoherenceRaceTest, MadeUnwatched) {
  ByHand("mkdir u/x");
  MountMany();
  NodeId x = Walk("x");
  Result<Entry> made = ops::MakeDir(*parts_, Caller(), x, Name::Trusted("made"), 0755);
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(UpperDir(*parts_, parts_->tree.inodes.Find(made->node)).ok());  // is at hand from now on
  ASSERT_FALSE(parts_->tree.inodes.Find(x)->watched());
  ByHand("rmdir u/x/made");
  EXPECT_EQ(List(x), V{"f"});
  EXPECT_EQ(Walk("x/made"), 0u);
}

// That the directory is watched by the time of the reply is no reason to keep what was read before.
TEST_F(CoherenceRaceTest, WatchedOnlyAfterItWasAsked) {
  MountMany();
  NodeId x = Walk("x");
  parts_->held.Drop(x);  // what its lookup may have opened would have it read, and watched, at once
  ActAt reader(Op::kOpen, [&] {
    ASSERT_FALSE(parts_->tree.inodes.Find(x)->watched());
    Meanwhile([&] { EXPECT_EQ(List(x), V{"f"}); });
    ASSERT_TRUE(parts_->tree.inodes.Find(x)->watched());
  });
  Result<Entry> f = Errno(EIO);
  {
    ScopedFaults faults(&reader);
    f = Lookup(x, "f");
  }
  ASSERT_TRUE(reader.acted());
  ASSERT_TRUE(f.ok());
  EXPECT_EQ(f->entry_ttl_s, 1u);
  f = Lookup(x, "f");
  EXPECT_GT(f->entry_ttl_s, 60u);
}

}  // namespace
}  // namespace plyfs
