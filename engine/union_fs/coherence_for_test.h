// A live engine over layers that its tests change by hand, without FUSE.  Hands are a shell's: our own
// process's changes count as the mount's.
//
// A fixture, and a client that only notes what it is told; one thread beside the watcher's.
#ifndef PLYFS_ENGINE_UNION_FS_COHERENCE_FOR_TEST_H_
#define PLYFS_ENGINE_UNION_FS_COHERENCE_FOR_TEST_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/ops/coherence.h"
#include "engine/ops/ops.h"
#include "engine/union_fs/open_parts.h"

namespace plyfs {

class Recorder : public Invalidator {
 public:
  void InvalidateEntry(NodeId parent, std::string_view name) override {
    MutexLock lock(mu_);
    entries_.emplace(parent, std::string(name));
  }
  void InvalidateAttr(NodeId node) override {
    MutexLock lock(mu_);
    attrs_.insert(node);
  }
  void InvalidateData(NodeId node) override {
    MutexLock lock(mu_);
    data_.insert(node);
  }
  bool Entry(NodeId parent, const std::string& name) {
    MutexLock lock(mu_);
    return entries_.count({parent, name}) > 0;
  }
  bool Data(NodeId node) {
    MutexLock lock(mu_);
    return data_.count(node) > 0;
  }
  bool Attr(NodeId node) {
    MutexLock lock(mu_);
    return attrs_.count(node) > 0;
  }

 private:
  Mutex mu_{LockRank::kTests};
  std::set<std::pair<NodeId, std::string>> entries_ ABSL_GUARDED_BY(mu_);
  std::set<NodeId> attrs_ ABSL_GUARDED_BY(mu_), data_ ABSL_GUARDED_BY(mu_);
};

class CoherenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string dir = "/tmp/plyfs_coherence_XXXXXX";
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    root_ = dir;
    ByHand("mkdir a b u w");
  }
  void TearDown() override {
    parts_.reset();
    if (!root_.empty()) std::filesystem::remove_all(root_);
  }
  using V = std::vector<std::string>;

  void ByHand(const std::string& commands) {
    ASSERT_EQ(::system(("set -e; umask 022; cd " + root_ + "; " + commands).c_str()), 0) << commands;
  }
  void Mount(LowerMode mode = LowerMode::kWatch, OtherWhiteouts others = OtherWhiteouts::kOff,
             const V& lowers = {"a", "b"}, RedirectDir redirect = RedirectDir::kFollow) {
    StackConfig config;
    config.redirect_dir = redirect;
    for (const std::string& lower : lowers) config.lowerdirs.push_back(root_ + "/" + lower);
    config.upperdir = root_ + "/u";
    config.workdir = root_ + "/w";
    config.lower = mode;
    config.other_whiteouts = others;
    std::string line;
    auto opened = OpenParts(config, &line);
    ASSERT_TRUE(opened.ok()) << line;
    parts_ = *std::move(opened);
    parts_->invalidator = &told_;
  }

  Result<Entry> Lookup(NodeId parent, const std::string& name) {
    return ops::Lookup(*parts_, Caller(), parent, Name::Trusted(name));
  }
  NodeId Walk(const std::string& path) {
    NodeId at = kRootNode;
    for (const auto& part : std::filesystem::path(path)) {
      Result<Entry> entry = Lookup(at, part.native());
      if (!entry.ok() || entry->node == 0) return 0;
      at = entry->node;
    }
    return at;
  }
  Handle Open(NodeId node, uint32_t flags = O_RDONLY) {
    Result<Opened> file = ops::Open(*parts_, Caller(), node, flags, false);
    return file.ok() ? file->handle : 0;
  }
  std::string ReadHandle(Handle handle) {
    char buffer[4096];
    Result<size_t> n = ops::Read(*parts_, handle, 0, buffer);
    if (!n.ok()) return "errno " + std::to_string(n.error());
    return std::string(buffer, *n);
  }
  std::string Read(const std::string& path) {
    NodeId node = Walk(path);
    if (node == 0) return "absent";
    Handle handle = Open(node);
    if (handle == 0) return "cannot open";
    std::string text = ReadHandle(handle);
    ops::Release(*parts_, handle);
    return text;
  }
  // 0: not listed.
  uint64_t ListedNumber(NodeId node, std::string_view name) {
    uint64_t ino = 0;
    Handle dir = ops::OpenDir(*parts_, node, 0)->handle;
    (void)ops::ReadDir(*parts_, dir, 0, [&](const DirEntry& entry) {
      if (entry.name == name) ino = entry.ino;
      return true;
    });
    ops::ReleaseDir(*parts_, dir);
    return ino;
  }

  V List(NodeId node) {
    V names;
    Result<Opened> dir = ops::OpenDir(*parts_, node, 0);
    if (!dir.ok()) return {"errno " + std::to_string(dir.error())};
    Status read = ops::ReadDir(*parts_, dir->handle, 0, [&](const DirEntry& e) {
      if (e.name != "." && e.name != "..") names.emplace_back(e.name);
      return true;
    });
    ops::ReleaseDir(*parts_, dir->handle);
    if (!read.ok()) return {"errno " + std::to_string(read.error())};
    std::sort(names.begin(), names.end());
    return names;
  }
  // The client is told the ctime that the directory has in upper.
  void ExpectCtimeOfUpper(NodeId node, const std::string& path) {
    struct stat st;
    ASSERT_EQ(::stat((root_ + "/u/" + path).c_str(), &st), 0);
    Result<AttrReply> attr = ops::GetAttr(*parts_, node, 0);
    ASSERT_TRUE(attr.ok());
    EXPECT_EQ(attr->attr.ctime.sec, st.st_ctim.tv_sec);
    EXPECT_EQ(attr->attr.ctime.nsec, st.st_ctim.tv_nsec);
  }
  // Seconds are only for a machine that is very busy.
  static bool Soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
  // Everything done by hand so far has been dealt with.
  void Settle() {
    std::string name = "settled" + std::to_string(++settled_);
    ASSERT_EQ(Walk(name), 0u);
    ByHand("touch a/" + name);
    ASSERT_TRUE(Soon([&] { return told_.Entry(kRootNode, name); }));
  }

  std::string root_;
  int settled_ = 0;
  Recorder told_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_UNION_FS_COHERENCE_FOR_TEST_H_
