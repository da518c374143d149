// Questions that an index answers while the object is copied up: deterministic, the copying is done amid the
// reading of the index.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "engine/layer/index_file.h"
#include "engine/layer/index_writer.h"
#include "engine/ops/ops.h"
#include "engine/testing/union_fixture.h"
#include "engine/union_fs/open_parts.h"

namespace plyfs {
namespace {

// Does something once, in the middle of this thread's next reading of an index.
class AmidRead : public FaultHook {
 public:
  explicit AmidRead(std::function<void()> act) : act_(std::move(act)) {}
  int Before(Op op) override {
    if (op != Op::kRead || !act_) return 0;
    ScopedFaults unobserved(nullptr);
    std::exchange(act_, nullptr)();
    return 0;
  }
  bool done() const { return !act_; }

 private:
  std::function<void()> act_;
};

// Copied up between two questions about its lower object, it has none for the second.
class IndexRaceTest : public UnionFixture {
 protected:
  void Open() {
    const std::string folder = At("indices");
    std::filesystem::create_directories(folder);
    ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);  // the engine runs without a umask
    std::string line;
    UniqueFd into = *OpenIndexFolder(folder, &line);
    StackConfig config;
    for (const char* layer : {"a/0", "a/1", "a/2", "a/3"}) {
      Put(std::string(layer) + "/d/f" + (layer + 2), "old");
      ASSERT_TRUE(WriteLayerIndex(At(layer), into.get(), [](const IndexProgress&) {}, &line).ok()) << line;
      config.lowerdirs.push_back(At(layer));
    }
    config.upperdir = At("u");
    config.workdir = At("w");
    config.lower = LowerMode::kFrozen;
    config.index_dir = folder;
    config.memory_bytes = 1;  // each question reads the index
    auto opened = OpenParts(config, &line);
    ASSERT_TRUE(opened.ok()) << line;
    parts_ = *std::move(opened);
    d_ = Find(kRootNode, "d");
  }
  NodeId Find(NodeId dir, const char* name) {
    return ops::Lookup(*parts_, Caller(), dir, Name::Trusted(name))->node;
  }
  // Through the mount: 7 bytes, and an attribute.
  void Change(NodeId node) {
    Result<Opened> file = ops::Open(*parts_, Caller(), node, O_RDWR, false);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(ops::Write(*parts_, Caller(), file->handle, 0, std::string_view("written"), {}).ok());
    ASSERT_TRUE(ops::SetXattr(*parts_, Caller(), node, "user.new", "value", 0, false).ok());
    ops::Release(*parts_, file->handle);
  }
  void AskWhileItIsCopiedUp(NodeId node, const std::function<void()>& ask) {
    // Others' pieces take the place of those that are wanted.
    for (const char* other : {"f0", "f1"}) (void)Find(d_, other);
    parts_->tree.inodes.Find(node)->DropAttr();
    AmidRead copies([&] { Change(node); });
    ScopedFaults faults(&copies);
    ask();
    EXPECT_TRUE(copies.done());
    EXPECT_TRUE(parts_->tree.inodes.Find(node)->is_upper());
  }

  std::unique_ptr<Parts> parts_;
  NodeId d_ = 0;
};

// Either is true, as both went on at once; what is asked afterwards is not.
TEST_F(IndexRaceTest, AttributesWhileItIsCopiedUp) {
  Open();
  const NodeId f2 = Find(d_, "f2");
  const uint64_t before = ops::GetAttr(*parts_, f2, 0)->attr.size;
  AskWhileItIsCopiedUp(f2, [&] {
    Result<AttrReply> attr = ops::GetAttr(*parts_, f2, 0);
    ASSERT_TRUE(attr.ok());
    EXPECT_TRUE(attr->attr.size == 7 || attr->attr.size == before) << attr->attr.size;
  });
  EXPECT_EQ(ops::GetAttr(*parts_, f2, 0)->attr.size, 7u);
}

TEST_F(IndexRaceTest, AnXattrWhileItIsCopiedUp) {
  Open();
  const NodeId f3 = Find(d_, "f3");
  AskWhileItIsCopiedUp(f3, [&] {
    Result<std::string> value = ops::GetXattr(*parts_, f3, "user.new");
    EXPECT_TRUE(value.ok() ? *value == "value" : value.error() == ENODATA) << value.error();
  });
  EXPECT_EQ(ops::GetXattr(*parts_, f3, "user.new").value_or("?"), "value");
}

}  // namespace
}  // namespace plyfs
