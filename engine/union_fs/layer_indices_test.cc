// A mount that takes its layers' contents from indices: which calls that spares, and that it changes no
// answer.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "engine/base/log.h"
#include "engine/layer/index_file.h"
#include "engine/layer/index_writer.h"
#include "engine/ops/load_listing.h"
#include "engine/ops/ops.h"
#include "engine/testing/union_fixture.h"
#include "engine/union_fs/open_parts.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

int g_lines = 0;

// Counts this thread's calls on layers; reading the indices is no such call.
class LayerCalls : public FaultHook {
 public:
  int Before(Op op) override {
    if (op != Op::kRead) ++calls_[OpName(op)];
    return 0;
  }
  std::string text() const {
    std::string text;
    for (const auto& [op, n] : calls_) text += op + " " + std::to_string(n) + " ";
    return text;
  }

 private:
  std::map<std::string, int> calls_;
};

class LayerIndicesTest : public UnionFixture {
 protected:
  static constexpr int kLayers = 20;

  void SetUp() override {
    UnionFixture::SetUp();
    indices_of_this_run_ = TakenFromIndices();
    ::unsetenv("PLYFS_TEST_LAYER_INDICES");
    g_lines = 0;
    SetLogSink([](std::string_view) { ++g_lines; });
  }
  void TearDown() override {
    SetLogSink(nullptr);
    UnionFixture::TearDown();
    if (indices_of_this_run_)
      ::setenv("PLYFS_TEST_LAYER_INDICES", "1", 1);  // the tests that follow have them
  }
  std::string LayerPath(int i) const { return "a/" + std::to_string(i); }
  std::string Folder() const { return At("indices"); }

  // A stack that has everything which decides what a name is.
  void Lay() {
    for (int i = 0; i < kLayers; ++i) {
      const std::string layer = LayerPath(i);
      Put(layer + "/d/f" + std::to_string(i), layer);
      Put(layer + "/d/same", layer);
      Put(layer + "/d/sub/x" + std::to_string(i));
      Put(layer + "/only" + std::to_string(i) + "/f");
    }
    Whiteout(LayerPath(3) + "/d/gone");
    Put(LayerPath(5) + "/d/gone", "hidden");
    Dir(LayerPath(7) + "/opaque");
    SetRecord(LayerPath(7) + "/opaque", "opaque", "y");
    Put(LayerPath(7) + "/opaque/seen");
    Put(LayerPath(9) + "/opaque/hidden");
    Dir(LayerPath(2) + "/moved");
    SetRecord(LayerPath(2) + "/moved", "redirect", "/was/here");
    Put(LayerPath(4) + "/was/here/by_redirect");
    Put(LayerPath(6) + "/x/whiteout");
    SetRecord(LayerPath(6) + "/x", "opaque", "x");
    SetRecord(LayerPath(6) + "/x/whiteout", "whiteout", "");
    Put(LayerPath(8) + "/x/whiteout", "hidden by an xattr");
    fs::create_symlink("d/same", At(LayerPath(0) + "/link"));
    fs::create_hard_link(At(LayerPath(1) + "/d/same"), At(LayerPath(1) + "/d/other_name"));
  }

  void Index() {
    fs::create_directories(Folder());
    ASSERT_EQ(::chmod(Folder().c_str(), 0755), 0);  // the engine runs without a umask
    std::string why;
    UniqueFd folder = *OpenIndexFolder(Folder(), &why);
    for (int i = 0; i < kLayers; ++i) {
      ASSERT_TRUE(WriteLayerIndex(
                      At(LayerPath(i)), folder.get(), [](const IndexProgress&) {}, &why)
                      .ok())
          << why;
    }
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(Folder())) files.push_back(entry.path());
    return files;
  }

  void MountMany(bool indices, LowerMode lower = LowerMode::kFrozen, uint64_t memory = 0) {
    Mount([&](StackConfig* config) {
      config->lowerdirs.clear();
      for (int i = 0; i < kLayers; ++i) config->lowerdirs.push_back(At(LayerPath(i)));
      config->lower = lower;
      config->index_dir = indices ? Folder() : "";
      if (memory != 0) config->memory_bytes = memory;
    });
  }
  std::string CallsOf(const std::function<void()>& act) {
    LayerCalls calls;
    ScopedFaults faults(&calls);
    act();
    return calls.text();
  }

 private:
  bool indices_of_this_run_ = false;
};

TEST_F(LayerIndicesTest, TheTreeIsTheSame) {
  Lay();
  MountMany(false);
  const TreeText without = View();
  EXPECT_TRUE(without.count("moved/by_redirect"));
  Unmount();
  Index();
  for (LowerMode lower : {LowerMode::kFrozen, LowerMode::kWatch}) {
    MountMany(true, lower);
    EXPECT_EQ(View(), without);
    Unmount();
  }
  EXPECT_EQ(g_lines, 0);
}

// Copies that hold nothing are not looked into; a whiteout is something, and so is what a redirect leads to.
TEST_F(LayerIndicesTest, CopiesThatHoldNothing) {
  for (int i = 0; i < kLayers; ++i) {
    for (const char* dir : {"/thin", "/none", "/moved"}) Dir(LayerPath(i) + dir);
    if (i >= 10) Put(LayerPath(i) + "/full/f" + std::to_string(i));
  }
  Put(LayerPath(3) + "/thin/f");
  Whiteout(LayerPath(5) + "/thin/gone");
  Put(LayerPath(7) + "/thin/gone");
  Dir("u/moved");
  SetRecord("u/moved", "redirect", "/full");
  MountMany(false);
  const TreeText without = View();
  EXPECT_TRUE(without.count("moved/f12"));
  EXPECT_TRUE(without.count("thin/f"));
  EXPECT_FALSE(without.count("thin/gone"));
  Unmount();
  Index();
  MountMany(true);
  EXPECT_EQ(View(), without);
  Unmount();
  StackConfig config;
  for (int i = 0; i < kLayers; ++i) config.lowerdirs.push_back(At(LayerPath(i)));
  config.lower = LowerMode::kFrozen;
  config.index_dir = Folder();
  std::string line;
  auto opened = OpenParts(config, &line);
  ASSERT_TRUE(opened.ok()) << line;
  Parts& parts = **opened;
  ASSERT_TRUE(LoadListing(parts, parts.tree.inodes.Find(kRootNode)).ok());
  auto filled = [&](const char* name) {
    LayerSetRef layers =
        parts.tree.inodes.Find(ops::Lookup(parts, Caller(), kRootNode, Name::Trusted(name))->node)->filled();
    return layers ? layers->layers() : std::vector<LayerId>{-1};
  };
  EXPECT_EQ(filled("thin"), (std::vector<LayerId>{3, 5, 7}));
  EXPECT_EQ(filled("none"), std::vector<LayerId>());
  EXPECT_EQ(filled("full"), std::vector<LayerId>{-1});
}

TEST_F(LayerIndicesTest, HardlyAnyMemoryChangesNothing) {
  Lay();
  MountMany(false);
  const TreeText without = View();
  Index();
  MountMany(true, LowerMode::kFrozen, 4000);
  EXPECT_EQ(View(), without);
}

TEST_F(LayerIndicesTest, FrozenLookupStatListingAndReadlinkTouchNoLayer) {
  Lay();
  Index();
  Mount([&](StackConfig* config) {
    config->lowerdirs.clear();
    for (int i = 0; i < kLayers; ++i) config->lowerdirs.push_back(At(LayerPath(i)));
    config->index_dir = Folder();
    config->upperdir = config->workdir = "";
  });
  EXPECT_EQ(CallsOf([&] {
              EXPECT_NE(Walk("d/f19"), 0u);
              EXPECT_EQ(Walk("d/no"), 0u);
              EXPECT_EQ(Walk("nothing"), 0u);
              EXPECT_NE(Walk("moved/by_redirect"), 0u);
              EXPECT_EQ(Walk("x/whiteout"), 0u);
              EXPECT_EQ(Stat("d/other_name").nlink, 2u);
              EXPECT_EQ(Stat("").mode & S_IFMT, uint32_t{S_IFDIR});
              EXPECT_EQ(List("opaque"), std::vector<std::string>{"seen"});
              EXPECT_EQ(List("d").size(), 23u);
              EXPECT_EQ(*fs_->ReadLink(me_, Walk("link")), "d/same");
              EXPECT_EQ(fs_->GetXattr(me_, Walk("d/same"), "security.capability").error(), ENODATA);
              EXPECT_EQ(fs_->ListXattr(me_, Walk("d/same"), 100).value_or("?"), "");
            }),
            "");
}

// The same calls are counted where there are no indices: the test above can fail.
TEST_F(LayerIndicesTest, WithoutIndicesTheyDo) {
  Lay();
  MountMany(false);
  EXPECT_NE(CallsOf([&] { (void)Walk("d/f19"); }), "");
}

TEST_F(LayerIndicesTest, WatchedDirectoriesThatWereChangedAreReadAnew) {
  Lay();
  const struct timespec old[2] = {{1000, 0}, {1000, 0}};
  for (int i = 0; i < kLayers; ++i) {
    for (const char* dir : {"/d", ""}) {
      ASSERT_EQ(::utimensat(AT_FDCWD, At(LayerPath(i) + dir).c_str(), old, 0), 0);
    }
  }
  Index();
  Put(LayerPath(10) + "/d/added");
  fs::remove(At(LayerPath(11) + "/d/f11"));
  MountMany(true, LowerMode::kWatch);
  std::vector<std::string> names = List("d");
  EXPECT_EQ(std::count(names.begin(), names.end(), "added"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "f11"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "f12"), 1);
  EXPECT_EQ(g_lines, 0);
}

// That the directories which are as they were come from the indices: they are not read.
TEST_F(LayerIndicesTest, WatchedDirectoriesThatAreAsTheyWereAreNotRead) {
  Lay();
  const struct timespec old[2] = {{1000, 0}, {1000, 0}};
  for (int i = 0; i < kLayers; ++i) {
    for (const char* dir : {"/d", ""}) {
      ASSERT_EQ(::utimensat(AT_FDCWD, At(LayerPath(i) + dir).c_str(), old, 0), 0);
    }
  }
  auto reads = [&] {
    const std::string calls = CallsOf([&] { EXPECT_EQ(List("d").size(), 23u); });
    const size_t at = calls.find(std::string(OpName(Op::kGetdents)) + " ");
    return at == calls.npos ? 0 : std::stoi(calls.substr(calls.find(' ', at)));
  };
  MountMany(false, LowerMode::kWatch);
  EXPECT_GE(reads(), kLayers);
  Index();
  MountMany(true, LowerMode::kWatch);
  EXPECT_LE(reads(), 2);  // upper's
}

TEST_F(LayerIndicesTest, DamagedFilesAreLeftOutWithALineEach) {
  Lay();
  MountMany(false);
  const TreeText without = View();
  Index();
  const auto files = Files();
  fs::resize_file(files[0], 100);
  fs::resize_file(files[1], fs::file_size(files[1]) - 1);
  fs::permissions(files[2], fs::perms::others_write, fs::perm_options::add);
  MountMany(true);
  EXPECT_EQ(g_lines, 3);
  EXPECT_EQ(View(), without);
  EXPECT_EQ(g_lines, 3);
}

TEST_F(LayerIndicesTest, FilesDamagedUnderTheMountAreGivenUpWithALineEach) {
  Lay();
  MountMany(false);
  const TreeText without = View();
  Index();
  MountMany(true);
  for (const std::string& file : Files()) fs::resize_file(file, 700);
  EXPECT_EQ(View(), without);
  EXPECT_EQ(g_lines, kLayers);
}

TEST_F(LayerIndicesTest, AFolderThatOthersMayWriteToIsNotUsed) {
  Lay();
  Index();
  ASSERT_EQ(::chmod(Folder().c_str(), 0777), 0);
  MountMany(true);
  EXPECT_EQ(g_lines, 1);
  EXPECT_NE(CallsOf([&] { (void)Walk("d/f19"); }), "");
}

TEST_F(LayerIndicesTest, AFolderThatIsNotThereIsRefused) {
  StackConfig config;
  config.lowerdirs = {At("a")};
  config.index_dir = At("nowhere");
  std::string line;
  EXPECT_EQ(UnionFs::Open(config, &line).error(), ENOENT);
  EXPECT_NE(line.find("index_dir="), line.npos);
}

// What is changed through the mount shows at once: upper is over the indices.
TEST_F(LayerIndicesTest, ChangesThroughTheMount) {
  Lay();
  auto act = [&](bool indices) {
    StartOver();
    Lay();
    if (indices) Index();
    MountMany(indices);
    (void)List("d");
    EXPECT_EQ(Unlink("d/f3"), 0);
    EXPECT_EQ(Unlink("d/same"), 0);
    EXPECT_EQ(Create("d/new", "text"), 0);
    EXPECT_EQ(Write("d/f4", "written"), 0);
    EXPECT_EQ(Chmod("d/f5", 0600), 0);
    EXPECT_EQ(Create("d/gone", "again"), 0);
    EXPECT_EQ(Rename("d/f6", "d/f7"), 0);
    EXPECT_EQ(RemoveDir("only2"), ENOTEMPTY);
    EXPECT_EQ(Unlink("only2/f"), 0);
    EXPECT_EQ(RemoveDir("only2"), 0);
    EXPECT_EQ(Link("link", "d/link2"), 0);
    TreeText both = View();
    both.merge(Upper());
    return both;
  };
  const TreeText without = act(false);
  EXPECT_EQ(act(true), without);
}

}  // namespace
}  // namespace plyfs
