// EngineClient: does the script's acts on a UnionFs in this process, as a client does that never forgets.
//
// Owned by a point; one thread at a time.  Slots and their closing are as with diff::Executor.
#ifndef PLYFS_TESTS_CRASH_ENGINE_CLIENT_H_
#define PLYFS_TESTS_CRASH_ENGINE_CLIENT_H_

#include <array>
#include <string>

#include "engine/union_fs/union_fs.h"
#include "tests/crash/script.h"
#include "tests/differential/outcome.h"

namespace plyfs::crash {

class EngineClient {
 public:
  explicit EngineClient(UnionFs* fs) : fs_(*fs) {}
  ~EngineClient() { CloseAll(); }
  EngineClient(const EngineClient&) = delete;
  EngineClient& operator=(const EngineClient&) = delete;

  // What the act answered; `data` is what was read.
  struct Answer {
    int error = 0;
    std::string data;
  };
  Answer Do(const Act& act);
  void CloseAll();

  // The whole tree, as diff::TakeSnapshot sees one on a mount.
  diff::Snapshot Look();

 private:
  struct Slot {
    NodeId node = 0;
    Handle handle = 0;
    bool open = false, dir = false;
    uint32_t flags = 0;
  };

  Result<NodeId> Walk(const std::string& path);
  // The directory of the last component, which is *name afterwards.
  Result<NodeId> Parent(const std::string& path, std::string* name);
  int OnNames(const diff::Step& step);
  int Make(const diff::Step& step, NodeId dir, Name name);
  int Rename(const diff::Step& step, NodeId dir, Name name);
  int Open(const diff::Step& step);
  int OnSlot(const diff::Step& step, std::string* data);
  int OnAttributes(const Act& act, std::string* data);
  int SetAttributes(NodeId node, Handle handle, const diff::Step& step);
  int Write(const Slot& slot, const diff::Step& step);
  int CopyRange(const Slot& from, const diff::Step& step);
  int Close(Slot* slot);
  int List(NodeId node, std::string* data);
  int Chattr(NodeId node, int64_t flags);
  void LookInto(NodeId dir, const std::string& prefix, diff::Snapshot* tree);
  void LookAt(NodeId node, const Attr& attr, diff::Node* seen);
  std::string ReadAll(NodeId node, uint64_t size);

  UnionFs& fs_;
  Caller me_;
  std::array<Slot, diff::kSlots> slots_;
};

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_ENGINE_CLIENT_H_
