// lower=watch under random hands: another process changes all layers while a client walks the mount and keeps
// what it is told, as the kernel does; in the end the client must see what a fresh mount shows (U2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "engine/ops/ops.h"
#include "engine/testing/dawdle.h"
#include "engine/union_fs/open_parts.h"

namespace plyfs {
namespace {

using View = std::map<std::string, std::string>;
using Dice = std::mt19937;

constexpr const char* kNames[] = {"p", "q", "r"};
constexpr int kDepth = 3;

std::string Pick(Dice& dice, int components) {
  std::string path;
  for (int i = 0; i < components; ++i) path += std::string("/") + kNames[dice() % 3];
  return path;
}

// One change by hand, made of prepared strings and system calls only: it runs in a forked child.
struct Act {
  unsigned kind;
  std::string path, other, text;

  void Do() const {
    constexpr const char* kOpaque = "trusted.overlay.opaque";
    switch (kind) {
      case 0:
      case 1:
      case 2: {
        int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd >= 0) (void)!::write(fd, text.data(), text.size());
        if (fd >= 0) ::close(fd);
        break;
      }
      case 3:
      case 4:
      case 5:
        (void)::mkdir(path.c_str(), 0755);
        break;
      case 6:
        (void)::unlink(path.c_str());
        break;
      case 7:
        (void)::rmdir(path.c_str());
        break;
      case 8:
      case 9:
        (void)::rename(path.c_str(), other.c_str());
        break;
      case 10:
        (void)::mknod(path.c_str(), S_IFCHR, makedev(0, 0));
        break;
      case 11:
        (void)::setxattr(path.c_str(), kOpaque, "y", 1, 0);
        break;
      case 12:
        (void)::removexattr(path.c_str(), kOpaque);
        break;
      case 13:
        (void)::chmod(path.c_str(), static_cast<mode_t>(text.size() % 2 ? 0700 : 0755));
        break;
    }
  }
};

// Where changes are made: `lowers` and upper.
std::vector<Act> Acts(Dice& dice, const std::vector<std::string>& layers, int count) {
  std::vector<Act> acts;
  for (int i = 0; i < count; ++i) {
    const std::string& layer = layers[dice() % layers.size()];
    unsigned kind = dice() % 14;
    int components = 1 + static_cast<int>(dice() % kDepth);
    std::string text = std::to_string(i) + std::string(dice() % 5, '.');
    std::string other = layer + Pick(dice, 1 + static_cast<int>(dice() % kDepth));
    acts.push_back(Act{kind, layer + Pick(dice, components), std::move(other), std::move(text)});
  }
  return acts;
}

// A client that keeps names, absences, attributes and data until it is told otherwise.  Outlives the parts,
// whose watcher tells it until they are gone.
class Client : public Invalidator {
 public:
  explicit Client(Parts& parts) : parts_(parts) { parts_.invalidator = this; }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void InvalidateEntry(NodeId parent, std::string_view name) override {
    MutexLock lock(mu_);
    ++told_;
    entries_.erase({parent, std::string(name)});
  }
  void InvalidateAttr(NodeId node) override {
    MutexLock lock(mu_);
    ++told_;
    attrs_.erase(node);
  }
  void InvalidateData(NodeId node) override {
    MutexLock lock(mu_);
    ++told_;
    attrs_.erase(node);
    data_.erase(node);
  }

  // 0: absent, or refused.
  NodeId Lookup(NodeId parent, const std::string& name, int* error = nullptr) {
    uint64_t before;
    {
      MutexLock lock(mu_);
      if (auto it = entries_.find({parent, name}); it != entries_.end()) return it->second;
      before = told_;
    }
    Result<Entry> entry = ops::Lookup(parts_, Caller(), parent, Name::Trusted(name));
    if (error) *error = entry.error();
    if (!entry.ok()) return 0;
    MutexLock lock(mu_);
    if (told_ == before && entry->entry_ttl_s > 1) entries_[{parent, name}] = entry->node;
    if (told_ == before && entry->attr_ttl_s > 1 && entry->node) attrs_[entry->node] = entry->attr.mode;
    return entry->node;
  }
  uint32_t Mode(NodeId node) {
    uint64_t before;
    {
      MutexLock lock(mu_);
      if (auto it = attrs_.find(node); it != attrs_.end()) return it->second;
      before = told_;
    }
    Result<AttrReply> attr = ops::GetAttr(parts_, node, 0);
    if (!attr.ok()) return 0;
    MutexLock lock(mu_);
    if (told_ == before && attr->ttl_s > 1) attrs_[node] = attr->attr.mode;
    return attr->attr.mode;
  }
  std::string Read(NodeId node) {
    Result<Opened> file = ops::Open(parts_, Caller(), node, O_RDONLY, false);
    if (!file.ok()) return "errno " + std::to_string(file.error());
    uint64_t before = 0;
    std::optional<std::string> kept;
    {
      MutexLock lock(mu_);
      if (!file->keep_cache) data_.erase(node);
      before = told_;
      if (auto it = data_.find(node); it != data_.end()) kept = it->second;
    }
    if (kept) {
      ops::Release(parts_, file->handle);
      return *kept;
    }
    char buffer[64];
    Result<size_t> n = ops::Read(parts_, file->handle, 0, buffer);
    ops::Release(parts_, file->handle);
    std::string text = n.ok() ? std::string(buffer, *n) : "errno " + std::to_string(n.error());
    MutexLock lock(mu_);
    if (told_ == before) data_[node] = text;
    return text;
  }
  // Each name with the number that the listing gives it.
  std::map<std::string, uint64_t> List(NodeId node) {
    std::map<std::string, uint64_t> names;
    Result<Opened> dir = ops::OpenDir(parts_, node, 0);
    if (!dir.ok()) return names;
    (void)ops::ReadDir(parts_, dir->handle, 0, [&](const DirEntry& e) {
      if (e.name != "." && e.name != "..") names.emplace(e.name, e.ino);
      return true;
    });
    ops::ReleaseDir(parts_, dir->handle);
    return names;
  }

  void ForgetAll() {
    MutexLock lock(mu_);
    entries_.clear();
    attrs_.clear();
    data_.clear();
  }

  // One change through the mount; the kernel forgets what it has itself changed.
  void Change(Dice& dice) {
    auto [dir, name] = Walk(dice);
    auto [to_dir, to_name] = Walk(dice);
    Name at = Name::Trusted(name), to = Name::Trusted(to_name);
    switch (dice() % 6) {
      case 0:
        (void)ops::MakeDir(parts_, Caller(), dir, at, 0755);
        break;
      case 1:
      case 2:
        Write(dir, name);
        break;
      case 3:
        (void)ops::Unlink(parts_, dir, at);
        break;
      case 4:
        (void)ops::RemoveDir(parts_, dir, at);
        break;
      case 5:
        (void)ops::Rename(parts_, dir, at, to_dir, to, 0);
        break;
    }
    InvalidateEntry(dir, name);
    InvalidateEntry(to_dir, to_name);
    MutexLock lock(mu_);
    attrs_.clear();
  }

  // Everything beneath `node`, each name asked for, there or not.  `above` it are these.
  void Dump(NodeId node, const std::string& path, View* view, std::vector<NodeId> above = {}) {
    above.push_back(node);
    std::map<std::string, uint64_t> listed = List(node);
    std::string listing;
    for (const auto& [name, ino] : listed) listing += name + " ";
    (*view)[path + "/"] = listing;
    for (const char* name : kNames) listed.emplace(name, 0);
    for (const auto& [name, ino] : listed) {
      int error = 0;
      NodeId child = Lookup(node, name, &error);
      std::string at = path + "/" + name;
      if (child == 0) {
        (*view)[at] = error == 0 ? "absent" : "errno " + std::to_string(error);
        continue;
      }
      // Not told yet that a hand has turned the tree inside out; the kernel says ELOOP.
      if (std::count(above.begin(), above.end(), child) > 0) {
        (*view)[at] = "loop";
        continue;
      }
      uint32_t mode = Mode(child);
      (*view)[at] = "mode " + std::to_string(mode & 07777);
      if (S_ISDIR(mode)) Dump(child, at, view, above);
      if (S_ISREG(mode)) (*view)[at] += ": " + Read(child);
    }
  }

 private:
  std::pair<NodeId, std::string> Walk(Dice& dice) {
    NodeId at = kRootNode;
    for (int depth = static_cast<int>(dice() % kDepth); depth > 0; --depth) {
      NodeId next = Lookup(at, kNames[dice() % 3]);
      if (next == 0 || !S_ISDIR(Mode(next))) break;
      at = next;
    }
    return {at, kNames[dice() % 3]};
  }
  void Write(NodeId dir, const std::string& name) {
    NodeId node = Lookup(dir, name);
    Handle handle = 0;
    if (node == 0) {
      auto made = ops::Create(parts_, Caller(), dir, Name::Trusted(name), 0644, O_RDWR);
      if (!made.ok()) return;
      handle = made->opened.handle;
      node = made->entry.node;
    } else {
      Result<Opened> opened = ops::Open(parts_, Caller(), node, O_RDWR, false);
      if (!opened.ok()) return;
      handle = opened->handle;
    }
    (void)ops::Write(parts_, Caller(), handle, 0, std::span<const char>("mount", 5), {});
    ops::Release(parts_, handle);
    MutexLock lock(mu_);
    data_.erase(node);
  }

  Parts& parts_;
  Mutex mu_{LockRank::kTests};
  uint64_t told_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::pair<NodeId, std::string>, NodeId> entries_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, uint32_t> attrs_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, std::string> data_ ABSL_GUARDED_BY(mu_);
};

std::string Differences(const View& live, const View& fresh) {
  std::string text;
  for (const auto& [at, seen] : fresh) {
    auto it = live.find(at);
    if (it == live.end() || it->second != seen) {
      text += at + ": live '" + (it == live.end() ? "unseen" : it->second) + "', fresh '" + seen + "'\n";
    }
  }
  for (const auto& [at, seen] : live) {
    if (!fresh.contains(at)) text += at + ": live '" + seen + "', fresh unseen\n";
  }
  return text;
}

struct Case {
  int seed;
  bool changes;  // through the mount as well
  int lowers;
  bool dawdles = false;  // everybody
};

class CoherenceRandomTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::string dir = "/dev/shm/plyfs_coherence_XXXXXX";
    ASSERT_NE(::mkdtemp(dir.data()), nullptr);
    root_ = dir;
    for (int i = 0; i < GetParam().lowers; ++i) lowers_.push_back(root_ + "/" + "abcdef"[i]);
    layers_ = lowers_;
    layers_.push_back(root_ + "/u");
    for (const std::string& layer : layers_) std::filesystem::create_directory(layer);
    std::filesystem::create_directory(root_ + "/w");
  }
  void TearDown() override {
    if (!root_.empty()) std::filesystem::remove_all(root_);
  }
  std::unique_ptr<Parts> Open(const StackConfig& config) {
    std::string line;
    auto opened = OpenParts(config, &line);
    EXPECT_TRUE(opened.ok()) << line;
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  View Live(Client& client) {
    View view;
    client.Dump(kRootNode, "", &view);
    return view;
  }
  // What a mount shows that starts now.  Upper is read as the topmost lower: its lock is the live mount's.
  View Fresh() {
    StackConfig config;
    config.lowerdirs = lowers_;
    config.lowerdirs.insert(config.lowerdirs.begin(), layers_.back());
    config.lower = LowerMode::kFrozen;
    std::optional<Client> client;
    std::unique_ptr<Parts> parts = Open(config);
    return Live(client.emplace(*parts));
  }

  std::string root_;
  std::vector<std::string> lowers_, layers_;  // the latter with upper, last
};

TEST_P(CoherenceRandomTest, TheClientSeesWhatAFreshMountShows) {
  Dice dice(static_cast<unsigned>(GetParam().seed));
  for (const Act& act : Acts(dice, layers_, 20 * static_cast<int>(layers_.size()))) act.Do();
  StackConfig config;
  config.lowerdirs = lowers_;
  config.upperdir = layers_.back();
  config.workdir = root_ + "/w";
  std::optional<Dawdle> dawdle;
  std::optional<Client> told;
  std::unique_ptr<Parts> parts = Open(config);
  ASSERT_NE(parts, nullptr);
  if (GetParam().dawdles) dawdle.emplace(GetParam().seed);
  Client& client = told.emplace(*parts);
  for (int round = 0; round < 5; ++round) {
    (void)Live(client);
    std::vector<Act> acts = Acts(dice, layers_, 1 + static_cast<int>(dice() % 40));
    pid_t hands = ::fork();
    ASSERT_GE(hands, 0);
    if (hands == 0) {
      for (const Act& act : acts) act.Do();
      ::_exit(0);
    }
    int status = -1;
    while (::waitpid(hands, &status, WNOHANG) == 0) {
      if (GetParam().changes) {
        client.Change(dice);
      } else {
        (void)Live(client);
      }
    }
    View fresh = Fresh(), live;
    bool same = false;
    for (int i = 0; i < 2000 && !same; ++i) {
      live = Live(client);
      same = live == fresh;
      if (!same) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    client.ForgetAll();
    ASSERT_TRUE(same) << "round " << round << "\n"
                      << Differences(live, fresh) << "the engine itself:\n"
                      << Differences(Live(client), fresh);
  }
}

// By hand: PLYFS_SEEDS=500.
std::vector<Case> Cases(int lowers, int seeds) {
  if (const char* by_hand = ::getenv("PLYFS_SEEDS")) seeds = ::atoi(by_hand);
  std::vector<Case> cases;
  for (int seed = 1; seed <= seeds; ++seed) {
    for (bool changes : {false, true}) cases.push_back(Case{seed, changes, lowers});
    cases.push_back(Case{seed, true, lowers, true});
  }
  return cases;
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return std::to_string(info.param.seed) + (info.param.dawdles   ? "dawdles"
                                            : info.param.changes ? "changes"
                                                                 : "looks");
}

INSTANTIATE_TEST_SUITE_P(TwoLayers, CoherenceRandomTest, ::testing::ValuesIn(Cases(2, 30)), NameOf);
// So many that a directory is watched, and its names asked for in the layers that hold them, only when that
// pays.
INSTANTIATE_TEST_SUITE_P(SixLayers, CoherenceRandomTest, ::testing::ValuesIn(Cases(6, 8)), NameOf);

}  // namespace
}  // namespace plyfs
