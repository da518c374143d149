// The engine without FUSE: operations called directly over real layers.
#include "engine/union_fs/union_fs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/io/privilege_for_test.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

class UnionFsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
    char dir[] = "/tmp/plyfs_union_fs_XXXXXX";
    root_ = ::mkdtemp(dir);
    for (const char* d : {"a", "b", "u", "w"}) fs::create_directories(root_ / d);
  }
  void TearDown() override {
    fs_.reset();
    if (!root_.empty()) fs::remove_all(root_);
  }
  void Put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string Get(const std::string& path) {
    std::ifstream in(root_ / path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void Mount() {
    fs_.reset();
    StackConfig config;
    config.lowerdirs = {root_ / "a", root_ / "b"};
    config.upperdir = root_ / "u";
    config.workdir = root_ / "w";
    std::string line;
    auto opened = UnionFs::Open(config, &line);
    ASSERT_TRUE(opened.ok()) << line;
    fs_ = *std::move(opened);
  }
  NodeId Walk(const std::string& path) {
    NodeId at = kRootNode;
    for (const auto& part : fs::path(path)) {
      Result<Entry> entry = fs_->Lookup(me_, at, Name::Trusted(part.native()));
      if (!entry.ok() || entry->node == 0) return 0;
      at = entry->node;
    }
    return at;
  }
  std::vector<std::string> List(NodeId node) {
    std::vector<std::string> names;
    Result<Opened> dir = fs_->OpenDir(me_, node, 0);
    EXPECT_TRUE(dir.ok());
    EXPECT_TRUE(fs_->ReadDir(node, dir->handle, 0,
                             [&](const DirEntry& e) {
                               if (e.name != "." && e.name != "..") names.emplace_back(e.name);
                               return true;
                             })
                    .ok());
    fs_->ReleaseDir(node, dir->handle);
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string ReadAll(NodeId node) {
    Result<Opened> file = fs_->Open(me_, node, O_RDONLY, false);
    if (!file.ok()) return "errno " + std::to_string(file.error());
    char buffer[4096];
    Result<size_t> n = fs_->Read(node, file->handle, 0, buffer);
    fs_->Release(node, file->handle);
    return n.ok() ? std::string(buffer, *n) : "errno " + std::to_string(n.error());
  }
  bool IsWhiteout(const std::string& path) {
    struct stat st;
    return ::lstat((root_ / path).c_str(), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
  }

  fs::path root_;
  std::unique_ptr<UnionFs> fs_;
  Caller me_;
};

using V = std::vector<std::string>;

// rules: L1 L3 L6 D1
TEST_F(UnionFsTest, MergesTheLayers) {
  Put("a/x", "upper of the lowers");
  Put("b/x", "hidden");
  Put("a/d/1", "1");
  Put("b/d/2", "2");
  Put("u/own", "own");
  Mount();
  EXPECT_EQ(List(kRootNode), (V{"d", "own", "x"}));
  EXPECT_EQ(List(Walk("d")), (V{"1", "2"}));
  EXPECT_EQ(ReadAll(Walk("x")), "upper of the lowers");
  EXPECT_EQ(Walk("nothing"), 0u);
}

// rules: C1 C3 C15 N8
TEST_F(UnionFsTest, WritesCopyUpAndRemovalsLeaveWhiteouts) {
  Put("b/d/f", "old");
  Put("b/d/g", "gone");
  Mount();
  NodeId f = Walk("d/f");
  Result<Opened> file = fs_->Open(me_, f, O_RDWR, false);
  ASSERT_TRUE(file.ok()) << file.error();
  ASSERT_TRUE(fs_->Write(me_, f, file->handle, 3, std::span<const char>("er", 2), {}).ok());
  fs_->Release(f, file->handle);
  EXPECT_EQ(Get("u/d/f"), "older");
  EXPECT_EQ(Get("b/d/f"), "old");
  EXPECT_EQ(ReadAll(f), "older");
  ASSERT_TRUE(fs_->Unlink(me_, Walk("d"), Name::Trusted("g")).ok());
  EXPECT_TRUE(IsWhiteout("u/d/g"));
  EXPECT_EQ(List(Walk("d")), (V{"f"}));
  Mount();
  EXPECT_EQ(List(Walk("d")), (V{"f"}));
  EXPECT_EQ(ReadAll(Walk("d/f")), "older");
}

// rules: N1 N2 N4 N10
TEST_F(UnionFsTest, CreatesOverWhiteouts) {
  Put("b/d/f", "old");
  Mount();
  NodeId d = Walk("d");
  ASSERT_TRUE(fs_->Unlink(me_, d, Name::Trusted("f")).ok());
  Result<Created> made = fs_->Create(me_, d, Name::Trusted("f"), 0644, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(ReadAll(Walk("d/f")), "");
  ASSERT_TRUE(fs_->Unlink(me_, d, Name::Trusted("f")).ok());
  ASSERT_TRUE(fs_->RemoveDir(me_, kRootNode, Name::Trusted("d")).ok());
  EXPECT_TRUE(IsWhiteout("u/d"));
  ASSERT_TRUE(fs_->MakeDir(me_, kRootNode, Name::Trusted("d"), 0755).ok());
  char value[8];
  EXPECT_EQ(::lgetxattr((root_ / "u/d").c_str(), "trusted.overlay.opaque", value, 8), 1);
  EXPECT_EQ(List(Walk("d")), V());
}

// rules: R3 R4 R6 R9 R14
TEST_F(UnionFsTest, RenamesFiles) {
  Put("b/f", "data");
  Put("b/d/x", "x");
  Mount();
  EXPECT_EQ(fs_->Rename(me_, kRootNode, Name::Trusted("d"), kRootNode, Name::Trusted("e"), 0).error(), EXDEV);
  ASSERT_TRUE(fs_->Rename(me_, kRootNode, Name::Trusted("f"), Walk("d"), Name::Trusted("g"), 0).ok());
  EXPECT_TRUE(IsWhiteout("u/f"));
  EXPECT_EQ(ReadAll(Walk("d/g")), "data");
  EXPECT_EQ(List(kRootNode), (V{"d"}));
  ASSERT_TRUE(fs_->Rename(me_, Walk("d"), Name::Trusted("g"), kRootNode, Name::Trusted("f"), 0).ok());
  EXPECT_EQ(ReadAll(Walk("f")), "data");
  EXPECT_EQ(List(Walk("d")), (V{"x"}));
}

// rules: N19 S10
TEST_F(UnionFsTest, AnUnlinkedFileLivesWhileItIsOpen) {
  Put("u/f", "data");
  Mount();
  NodeId f = Walk("f");
  Result<Opened> file = fs_->Open(me_, f, O_RDWR, false);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(fs_->Unlink(me_, kRootNode, Name::Trusted("f")).ok());
  Result<AttrReply> attr = fs_->GetAttr(me_, f, file->handle);
  ASSERT_TRUE(attr.ok()) << attr.error();
  EXPECT_EQ(attr->attr.nlink, 0u);
  SetAttrArgs args;
  args.mode = 0600;
  EXPECT_TRUE(fs_->SetAttr(me_, f, file->handle, args).ok());
  char c[4];
  EXPECT_EQ(*fs_->Read(f, file->handle, 0, c), 4u);
}

}  // namespace
}  // namespace plyfs
