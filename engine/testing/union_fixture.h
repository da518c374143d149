// UnionFixture: a UnionFs without FUSE over real directories a, b (lowers), u (upper) and w (work), addressed
// by paths, and what its upper and its merged view look like as text.
//
// One test owns it.  Operations look their paths up as a client does that never forgets; concurrent ones are
// the test's affair.  Layers are frozen unless the test says otherwise: what is cached stays cached.
#ifndef PLYFS_ENGINE_TESTING_UNION_FIXTURE_H_
#define PLYFS_ENGINE_TESTING_UNION_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/io/fault.h"
#include "engine/union_fs/union_fs.h"

namespace plyfs {

// Path -> what is there, in words.
using TreeText = std::map<std::string, std::string>;

class UnionFixture : public ::testing::Test {
 public:
  using Config = std::function<void(StackConfig*)>;

 protected:
  // `base` is where the directories are made: /tmp (ext4 mostly) or /dev/shm (tmpfs).
  explicit UnionFixture(std::string base = "/tmp") : base_(std::move(base)) {}
  void SetUp() override;
  void TearDown() override;
  // Unmounts; all four directories are empty again.
  void StartOver();

  // Layers, by paths such as "a/d/f"; parents are made.
  std::string At(const std::string& path) const { return root_ / path; }
  void Put(const std::string& path, const std::string& text = "");
  void Dir(const std::string& path);
  void Whiteout(const std::string& path);
  std::string Get(const std::string& path) const;
  bool Exists(const std::string& path) const;
  void SetRecord(const std::string& path, const std::string& record, const std::string& value);
  std::string Record(const std::string& path, const std::string& record) const;  // "(none)"
  // All of a layer: "dir opaque", "file text", "whiteout", "symlink target", "fifo", each with " origin",
  // " redirect=value" where it has those records.
  TreeText Layer(const std::string& path) const;
  TreeText Upper() const { return Layer("u"); }
  // What W/work holds but whiteouts.
  std::vector<std::string> Leftovers() const;
  // How deep W/work is: 0 when empty (M14: at most 2).
  int WorkDepth() const;

  void Mount(const Config& config = {});
  // Whether this run of the tests takes the lowers' contents from indices (engine/union_fs/CMakeLists.txt).
  static bool TakenFromIndices() { return std::getenv("PLYFS_TEST_LAYER_INDICES") != nullptr; }
  void Unmount() { fs_.reset(); }

  // Operations by path; the errno, 0 for success.  Node 0: no such path.
  NodeId Walk(const std::string& path);
  int Create(const std::string& path, const std::string& text = "", uint32_t mode = 0644);
  int MakeDir(const std::string& path, uint32_t mode = 0755);
  int MakeNode(const std::string& path, uint32_t mode, uint64_t rdev = 0);
  int Symlink(const std::string& path, const std::string& target);
  int Link(const std::string& from, const std::string& to);
  int Unlink(const std::string& path);
  int RemoveDir(const std::string& path);
  int Rename(const std::string& from, const std::string& to, uint32_t flags = 0);
  int Write(const std::string& path, const std::string& text, uint64_t offset = 0);
  int Chmod(const std::string& path, uint32_t mode);
  int SetXattr(const std::string& path, const std::string& name, const std::string& value,
               uint32_t flags = 0);
  std::string Read(const std::string& path);
  std::string ReadHandle(Handle handle);
  Attr Stat(const std::string& path);
  std::vector<std::string> List(const std::string& path = "");
  // All of the merged view: type, mode, owner, links of files, text or target of each path; listings agree
  // with lookups, numbers of listings with those of attributes (D10).
  TreeText View();
  // That listings and attributes give the same number is looked at too; not where a test lets calls say that
  // there is no record of it.
  bool numbers_agree_ = true;

  std::filesystem::path root_;
  std::unique_ptr<UnionFs> fs_;
  Caller me_;

 private:
  // Parent and last component.
  std::pair<NodeId, Name> Split(const std::string& path);
  void ViewInto(NodeId dir, const std::string& prefix, TreeText* view);

  const std::string base_;
};

// Runs `act` when this thread is about to make the nth call of a kind, once.
class ActAt : public FaultHook {
 public:
  ActAt(Op op, std::function<void()> act, int nth = 1) : op_(op), nth_(nth), act_(std::move(act)) {}
  int Before(Op op) override;
  bool acted() const { return seen_ >= nth_; }

 private:
  const Op op_;
  const int nth_;
  const std::function<void()> act_;
  int seen_ = 0;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_TESTING_UNION_FIXTURE_H_
