// What is answered from memory: without a system call, and never older than what was last done.
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class CountCalls : public FaultHook {
 public:
  int Before(Op) override {
    ++n;
    return 0;
  }
  int n = 0;
};

class WarmTest : public UnionFixture {
 protected:
  // How many system calls of engine/io `act` makes.
  template <typename Act>
  static int CallsOf(Act act) {
    CountCalls count;
    ScopedFaults faults(&count);
    act();
    return count.n;
  }
  static constexpr size_t kRoom = 65536;
  int GetXattr(NodeId node, const std::string& name) { return fs_->GetXattr(me_, node, name).error(); }
  std::string ListXattr(NodeId node) {
    Result<std::string> names = fs_->ListXattr(me_, node, kRoom);
    if (!names.ok()) return "errno " + std::to_string(names.error());
    for (char& c : *names) c = c ? c : ' ';
    return *names;
  }
};

TEST_F(WarmTest, LookupsAndAttributesAreAskedOnce) {
  Put("b/d/f", "data");
  Mount();
  NodeId d = Walk("d"), f = Walk("d/f");
  EXPECT_EQ(fs_->Lookup(me_, d, Name::Trusted("none"))->node, 0u);
  EXPECT_EQ(CallsOf([&] {
              EXPECT_EQ(fs_->Lookup(me_, d, Name::Trusted("f"))->node, f);
              EXPECT_EQ(fs_->Lookup(me_, d, Name::Trusted("none"))->node, 0u);
              EXPECT_TRUE(fs_->GetAttr(me_, f, 0).ok());
            }),
            0);
}

TEST_F(WarmTest, LinksAreReadOnce) {
  ASSERT_EQ(::symlink("target", At("b/l").c_str()), 0);
  Mount();
  NodeId l = Walk("l");
  auto read = [&] { EXPECT_EQ(fs_->ReadLink(me_, l).value_or(""), "target"); };
  EXPECT_EQ(CallsOf(read) > 0, !TakenFromIndices());
  EXPECT_EQ(CallsOf(read), 0);
  SetAttrArgs args;
  args.uid = 5;
  ASSERT_TRUE(fs_->SetAttr(me_, l, 0, args).ok());  // copied up
  read();
  EXPECT_EQ(CallsOf(read), 0);
}

TEST_F(WarmTest, AbsentCapabilitiesAreAskedOnce) {
  Put("b/f", "data");
  Mount();
  NodeId f = Walk("f");
  auto capability = [&] { EXPECT_EQ(GetXattr(f, "security.capability"), ENODATA); };
  EXPECT_EQ(CallsOf(capability) > 0, !TakenFromIndices());
  EXPECT_EQ(CallsOf(capability), 0);
  // What else there is may be had without being listed; an index lists it.
  EXPECT_EQ(ListXattr(f), "");
  for (const char* name : {"user.a", "security.selinux", "system.posix_acl_access"}) {
    EXPECT_EQ(CallsOf([&] { GetXattr(f, name); }) > 0, !TakenFromIndices()) << name;
  }
}

TEST_F(WarmTest, ListsAreReadOnce) {
  Put("b/f", "data");
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "user.a", "1", 1, 0), 0);
  ASSERT_EQ(::setxattr(At("b/f").c_str(), "trusted.overlay.protattr", "", 0, 0), 0);
  Mount();
  NodeId f = Walk("f");
  auto list = [&] { EXPECT_EQ(ListXattr(f), "user.a "); };
  EXPECT_GT(CallsOf(list), 0);
  EXPECT_EQ(CallsOf(list), 0);
  EXPECT_EQ(fs_->GetXattr(me_, f, "user.a").value_or(""), "1");
  // A6: room is needed for hidden names too.
  const size_t all = sizeof "user.a" + sizeof "trusted.overlay.protattr";
  EXPECT_EQ(CallsOf([&] {
              EXPECT_EQ(fs_->ListXattr(me_, f, 0)->size(), all);
              EXPECT_EQ(fs_->ListXattr(me_, f, all - 1).error(), ERANGE);
              EXPECT_TRUE(fs_->ListXattr(me_, f, all).ok());
            }),
            0);
}

TEST_F(WarmTest, ChangesShowAtOnce) {
  Put("b/f", "data");
  Mount();
  NodeId f = Walk("f");
  const char bytes[20] = {1, 0, 0, 2, 0, 4};
  const std::string capability(bytes, sizeof bytes);
  EXPECT_EQ(GetXattr(f, "security.capability"), ENODATA);
  EXPECT_EQ(ListXattr(f), "");
  ASSERT_EQ(SetXattr("f", "security.capability", capability), 0);
  EXPECT_EQ(fs_->GetXattr(me_, f, "security.capability").value_or(""), capability);
  EXPECT_EQ(ListXattr(f), "security.capability ");
  ASSERT_EQ(fs_->RemoveXattr(me_, f, "security.capability").error(), 0);
  EXPECT_EQ(GetXattr(f, "security.capability"), ENODATA);
  EXPECT_EQ(ListXattr(f), "");
  ASSERT_EQ(SetXattr("f", "trusted.overlay.opaque", "mine"), 0);
  EXPECT_EQ(ListXattr(f), "trusted.overlay.opaque ");
}

TEST_F(WarmTest, WritingKeepsWhatIsKnownButForCapabilities) {
  Put("b/f", "data");
  Put("b/capable", "data");
  const char capability[20] = {1, 0, 0, 2, 0, 4};
  ASSERT_EQ(::setxattr(At("b/capable").c_str(), "security.capability", capability, sizeof capability, 0), 0);
  Mount();
  NodeId f = Walk("f"), capable = Walk("capable");
  ASSERT_EQ(Write("f", "x"), 0);
  ASSERT_EQ(Chmod("capable", 0755), 0);
  EXPECT_EQ(GetXattr(f, "security.capability"), ENODATA);
  EXPECT_EQ(ListXattr(capable), "security.capability ");
  ASSERT_EQ(Write("f", "y"), 0);
  EXPECT_EQ(CallsOf([&] { EXPECT_EQ(GetXattr(f, "security.capability"), ENODATA); }), 0);
  ASSERT_EQ(Write("capable", "y"), 0);  // the upper filesystem removes it (A11)
  EXPECT_EQ(ListXattr(capable), "");
}

// rules: U2
TEST_F(WarmTest, NothingIsKeptThatNobodyWouldTellOf) {
  Put("b/f", "data");
  Mount([](StackConfig* config) { config->lower = LowerMode::kWatch; });
  NodeId f = Walk("f");
  EXPECT_EQ(GetXattr(f, "security.capability"), ENODATA);
  EXPECT_EQ(ListXattr(f), "");
  // By another process: what this one does is not taken for a change by hand.
  const std::string set = "setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 ";
  ASSERT_EQ(::system((set + At("b/f")).c_str()), 0);
  bool seen = false;
  for (int i = 0; i < 1000 && !seen; ++i) {
    seen = GetXattr(f, "security.capability") == 0;
    ::usleep(5000);
  }
  EXPECT_TRUE(seen);
  EXPECT_EQ(ListXattr(f), "security.capability ");
}

TEST_F(WarmTest, OpeningADirectoryAsksNobody) {
  Put("b/d/f");
  Mount();
  NodeId d = Walk("d"), f = Walk("d/f");
  EXPECT_EQ(CallsOf([&] {
              Result<Opened> opened = fs_->OpenDir(me_, d, 0);
              ASSERT_TRUE(opened.ok());
              fs_->ReleaseDir(d, opened->handle);
              EXPECT_EQ(fs_->OpenDir(me_, f, 0).error(), ENOTDIR);
            }),
            0);
}

}  // namespace
}  // namespace plyfs
