// A directory in a hundred layers, whose copies are looked at and read side by side: what ends or turns the
// merge does so wherever it lies.
#include <fcntl.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/io/unique_fd.h"
#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

constexpr int kLayers = 100;

class ManyLayersTest : public UnionFixture {
 protected:
  using V = std::vector<std::string>;

  static std::string Number(int i) { return std::to_string(1000 + i).substr(1); }
  static std::string In(int i, const std::string& path) { return "a/" + Number(i) + "/" + path; }
  // Names fNNN of layers `first` to `last`, the latter not among them.
  static V Names(int first, int last) {
    V names;
    for (int i = first; i < last; ++i) names.push_back("f" + Number(i));
    return names;
  }
  void MakeLayers() {
    for (int i = 0; i < kLayers; ++i) Put(In(i, "d/f" + Number(i)));
  }
  void MountMany(LowerMode mode = LowerMode::kFrozen, int layers = kLayers) {
    Mount([&](StackConfig* config) {
      config->lowerdirs.clear();
      for (int i = 0; i < layers; ++i) config->lowerdirs.push_back(At("a/" + Number(i)));
      config->lower = mode;
    });
  }
  // Both ways to know a name: asked for, and listed.
  void ExpectNames(const std::string& dir, const V& expected) {
    for (LowerMode mode : {LowerMode::kFrozen, LowerMode::kWatch}) {
      MountMany(mode);
      EXPECT_EQ(Walk(dir + "/none"), 0u);
      for (const std::string& name : expected) EXPECT_NE(Walk(dir + "/" + name), 0u) << name;
      EXPECT_EQ(List(dir), expected);
      Unmount();
      MountMany(mode);
      EXPECT_EQ(List(dir), expected);
      Unmount();
    }
  }
};

// The parameter is the layer where something is otherwise.
class ManyLayersAtTest : public ManyLayersTest, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(At, ManyLayersAtTest, ::testing::Values(0, 1, 7, 8, 9, 40, 71, 72, 73, 98, 99));

TEST_P(ManyLayersAtTest, Opaque) {
  const int at = GetParam();
  MakeLayers();
  SetRecord(In(at, "d"), "opaque", "y");
  ExpectNames("d", Names(0, at + 1));
}

TEST_P(ManyLayersAtTest, FileInTheWay) {
  const int at = GetParam();
  if (at == 0) return;  // then it is the object
  MakeLayers();
  std::filesystem::remove_all(At(In(at, "d")));
  Put(In(at, "d"), "x");
  ExpectNames("d", Names(0, at));
}

TEST_P(ManyLayersAtTest, SymlinkInTheWay) {
  const int at = GetParam();
  if (at == 0) return;
  MakeLayers();
  std::filesystem::rename(At(In(at, "d")), At(In(at, "elsewhere")));
  std::filesystem::create_directory_symlink("elsewhere", At(In(at, "d")));
  ExpectNames("d", Names(0, at));
}

TEST_P(ManyLayersAtTest, WhiteoutInTheWay) {
  const int at = GetParam();
  if (at == 0) return;
  MakeLayers();
  std::filesystem::remove_all(At(In(at, "d")));
  Whiteout(In(at, "d"));
  ExpectNames("d", Names(0, at));
}

TEST_P(ManyLayersAtTest, MissingInOne) {
  const int at = GetParam();
  MakeLayers();
  std::filesystem::remove_all(At(In(at, "d")));
  V names = Names(0, at);
  for (const std::string& name : Names(at + 1, kLayers)) names.push_back(name);
  ExpectNames("d", names);
}

TEST_P(ManyLayersAtTest, RedirectFromThere) {
  const int at = GetParam();
  MakeLayers();
  SetRecord(In(at, "d"), "redirect", "e");
  V names = Names(0, at + 1);
  for (int i = at + 1; i < kLayers; ++i) {
    Put(In(i, "e/e" + Number(i)));
    names.insert(names.begin() + (i - at - 1), "e" + Number(i));
  }
  ExpectNames("d", names);
}

TEST_P(ManyLayersAtTest, WhiteoutWithin) {
  const int at = GetParam();
  MakeLayers();
  for (int i = 0; i < kLayers; ++i) Put(In(i, "d/all"));
  for (int i = 0; i <= at; ++i) std::filesystem::remove(At(In(i, "d/all")));
  Whiteout(In(at, "d/all"));
  ExpectNames("d", Names(0, kLayers));
}

// What one layer cannot tell is not left out; an index spares asking it.
TEST_P(ManyLayersAtTest, UnreadableCopyIsAnError) {
  struct Fails : FaultHook {
    explicit Fails(int n) : left(n) {}
    int Before(Op op) override { return op == Op::kGetdents && left.fetch_sub(1) == 0 ? EIO : 0; }
    std::atomic<int> left;
  } hook(GetParam());
  MakeLayers();
  MountMany();
  (void)List("");  // the root is known
  NodeId d = Walk("d");
  Result<Opened> dir = fs_->OpenDir(me_, d, 0);
  ASSERT_TRUE(dir.ok());
  {
    ScopedFaults faults(&hook);
    Status read = fs_->ReadDir(d, dir->handle, 0, [](const DirEntry&) { return true; });
    EXPECT_EQ(read.error(), TakenFromIndices() ? 0 : EIO);
  }
  fs_->ReleaseDir(d, dir->handle);
  EXPECT_EQ(List("d"), Names(0, kLayers));
}

// Calls of engine/io; closing is none.
TEST_F(ManyLayersTest, CreatingAndRemovingCostsTheSameCallsAtAnyNumber) {
  struct Counts : FaultHook {
    int Before(Op) override { return ++calls, 0; }
    std::atomic<int> calls = 0;
  };
  MakeLayers();
  for (LowerMode mode : {LowerMode::kFrozen, LowerMode::kWatch}) {
    for (int layers : {1, 10, kLayers}) {
      MountMany(mode, layers);
      const NodeId d = Walk("d");
      for (int round = 0; round < 3; ++round) {
        const std::string name = "new" + std::to_string(round);
        ASSERT_EQ(fs_->Lookup(me_, d, Name::Trusted(name))->node, 0u);
        Counts create, release, unlink, stat;
        Result<Created> made = Errno(EIO);
        {
          ScopedFaults faults(&create);
          made = fs_->Create(me_, d, Name::Trusted(name), 0644, O_WRONLY | O_EXCL);
        }
        ASSERT_TRUE(made.ok());
        {
          ScopedFaults faults(&release);
          fs_->Release(made->entry.node, made->opened.handle);
        }
        {
          ScopedFaults faults(&stat);
          EXPECT_TRUE(fs_->GetAttr(me_, d, 0).ok());
        }
        {
          ScopedFaults faults(&unlink);
          EXPECT_TRUE(fs_->Unlink(me_, d, Name::Trusted(name)).ok());
        }
        fs_->Forget(made->entry.node, 1);
        if (round == 0) continue;  // the directory is copied up, its listing read
        EXPECT_EQ(create.calls, 2) << layers;
        EXPECT_EQ(release.calls, 0) << layers;
        EXPECT_EQ(stat.calls, 1) << layers;
        // Where so few layers hold the directory they are asked, never read whole; but frozen ones' indices.
        const bool asked = layers == 1 && !(TakenFromIndices() && mode == LowerMode::kFrozen);
        EXPECT_EQ(unlink.calls, asked ? 4 : 3) << layers;
      }
      Unmount();
      std::filesystem::remove_all(At("u/d"));
    }
  }
}

// In the way in which this run mounts (union_fixture.cc, UseIndexOfThisRun).
bool ListingsAreKept() {
  const char* mode = std::getenv("PLYFS_TEST_MERGE_INDEX");
  return !mode || std::string_view(mode) == "on";
}

TEST_F(ManyLayersTest, LookingAtWhatIsListedTakesTwoCallsAName) {
  struct Counts : FaultHook {
    // kXattrAt is a way to make a call, and none by itself.
    int Before(Op op) override { return calls += op != Op::kXattrAt, 0; }
    std::atomic<int> calls = 0;
  };
  MakeLayers();
  for (LowerMode mode : {LowerMode::kFrozen, LowerMode::kWatch}) {
    MountMany(mode);
    const NodeId d = Walk("d");
    Result<Opened> dir = fs_->OpenDir(me_, d, 0);
    ASSERT_TRUE(dir.ok());
    std::vector<NodeId> nodes;
    Cookie last = 0;
    size_t most = 10;
    const auto sink = [&](const DirEntry& listed, const Entry& entry) {
      if (nodes.size() == most) return false;
      if (entry.node != 0) nodes.push_back(entry.node);
      last = listed.next;
      return true;
    };
    ASSERT_TRUE(fs_->ReadDirPlus(me_, d, dir->handle, 0, sink).ok());
    if (!ListingsAreKept()) {
      EXPECT_TRUE(nodes.empty()) << "each name would be asked for in a hundred layers";
      fs_->ReleaseDir(d, dir->handle);
      Unmount();
      continue;
    }
    ASSERT_EQ(nodes.size(), most);
    most = kLayers;
    Counts counts;
    {
      ScopedFaults faults(&counts);
      ASSERT_TRUE(fs_->ReadDirPlus(me_, d, dir->handle, last, sink).ok());
    }
    ASSERT_EQ(nodes.size(), most);
    // The eleventh was looked at already, and did not fit.
    EXPECT_LE(counts.calls, 2 * (kLayers - 10));
    if (!TakenFromIndices()) EXPECT_GE(counts.calls, kLayers - 11);
    for (NodeId node : nodes) fs_->Forget(node, 1);
    fs_->ReleaseDir(d, dir->handle);
    Unmount();
  }
}

TEST_F(ManyLayersTest, DescriptorsAreGivenBack) {
  MakeLayers();
  for (int k = 0; k < 60; ++k) {
    for (int i = 0; i < kLayers; ++i) Dir(In(i, "e" + std::to_string(k)));
  }
  MountMany();
  auto open = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
  (void)Walk("d");
  const auto few = open();
  for (int k = 0; k < 60; ++k) (void)Walk("e" + std::to_string(k));
  const auto many = open();
  if (TakenFromIndices()) {
    EXPECT_EQ(many, few);  // nothing was opened
  } else {
    EXPECT_GT(many, few + 1000);
    EXPECT_LT(many, few + 4200);
  }
  for (int k = 0; k < 60; ++k) EXPECT_EQ(List("e" + std::to_string(k)), V());
  EXPECT_LT(open(), few + 10);
}

// The process has so many descriptors and no more; indices have some of their own.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const struct rlimit few = {count, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  struct rlimit before_;
};

// Who looks at what it lists has copies of the directory kept open, but no more than there is room for.
TEST_F(ManyLayersTest, ListedForWhoLooksWithFewDescriptors) {
  MakeLayers();
  FewDescriptors few((TakenFromIndices() ? 2 : 1) * kLayers + 40);
  for (LowerMode mode : {LowerMode::kFrozen, LowerMode::kWatch}) {
    MountMany(mode);
    const NodeId d = Walk("d");
    for (int round = 0; round < 2; ++round) {
      Result<Opened> dir = fs_->OpenDir(me_, d, 0);
      ASSERT_TRUE(dir.ok());
      V looked_at;
      const Status read =
          fs_->ReadDirPlus(me_, d, dir->handle, 0, [&](const DirEntry& entry, const Entry& looked) {
            if (looked.node != 0) looked_at.emplace_back(entry.name);
            return true;
          });
      fs_->ReleaseDir(d, dir->handle);
      EXPECT_EQ(read.error(), 0);
      EXPECT_EQ(looked_at.size(), static_cast<size_t>(ListingsAreKept() ? kLayers : 0));
    }
    Unmount();
  }
}

// What is only kept makes no request fail where the process has no other descriptor left.
TEST_F(ManyLayersTest, WhatIsKeptOpenGivesWay) {
  // More than the lookup of a directory holds while it is under way.
  constexpr int kFiles = 16;
  MakeLayers();
  for (int i = 0; i < kFiles; ++i) Put("u/e/g" + Number(i), "text");
  FewDescriptors few((TakenFromIndices() ? 2 : 1) * kLayers + 100);
  MountMany(LowerMode::kWatch);
  std::vector<std::pair<NodeId, Handle>> open;
  for (int i = 0; i < kFiles; ++i) {
    const NodeId file = Walk("e/g" + Number(i));
    open.emplace_back(file, fs_->Open(me_, file, O_RDWR, false)->handle);
  }
  std::vector<UniqueFd> all;
  for (int fd; (fd = ::open("/", O_PATH | O_CLOEXEC)) >= 0;) all.emplace_back(fd);
  EXPECT_EQ(List("d"), Names(0, kLayers));
  EXPECT_EQ(Create("e/new"), 0);
  for (auto [file, handle] : open) {
    EXPECT_EQ(ReadHandle(handle), "text");
    fs_->Release(file, handle);
  }
}

}  // namespace
}  // namespace plyfs
