// EngineClient: the engine as an Overlay: what a FUSE client of the kernel would ask for each operation,
// without the kernel.
//
// Owned by a test; one thread at a time uses one.  Clients of one mount may be used by as many threads. Nodes
// that were looked up are kept until DropCaches(), as a client with memory does, and the directory that was
// listed last stays open.  EUCLEAN where a cookie is given to two names, and where answers to a mount's only
// client contradict each other: a listing read whole, in pieces, once more and through the directory that is
// open (D2, D5-D8), READDIR, READDIRPLUS and LOOKUP (D10, D13), and attributes that it may still believe
// (believer.h).
#ifndef PLYFS_ENGINE_TESTING_ENGINE_CLIENT_H_
#define PLYFS_ENGINE_TESTING_ENGINE_CLIENT_H_

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/testing/believer.h"
#include "engine/testing/overlay.h"
#include "engine/union_fs/union_fs.h"

namespace plyfs::model {

// Whom the engine tells where several clients are on threads of their own: they believe nothing.
class Unbeliever final : public Invalidator {
 public:
  void InvalidateEntry(NodeId, std::string_view) override {}
  void InvalidateAttr(NodeId) override {}
  void InvalidateData(NodeId) override {}
};

// One UnionFs and what is needed to open it again.
class EngineMount {
 public:
  explicit EngineMount(StackConfig config) : config_(std::move(config)) {}
  // EINVAL and a line on stderr where the layers cannot be opened.
  Status Mount();
  void Unmount() { fs_.reset(); }
  UnionFs& fs() { return *fs_; }
  bool writable() const { return config_.writable(); }
  // Null: there are more clients than one, or nobody is told.
  Believer* believer() { return only_client_ ? &believer_ : nullptr; }
  void HasManyClients() { only_client_ = false; }
  // Of the next mounts: there is no client that could keep anything.
  void TellsNobody() { tells_ = only_client_ = false; }

 private:
  const StackConfig config_;
  bool only_client_ = true, tells_ = true;
  Believer believer_;  // both outlive the engine, which tells one of them
  Unbeliever unbeliever_;
  std::unique_ptr<UnionFs> fs_;
};

class EngineClient : public Overlay {
 public:
  // The mount is mounted and outlives the client.
  explicit EngineClient(EngineMount& mount) : mount_(mount) {}
  ~EngineClient() override;

  Result<Sight> Stat(const Path& path) override;
  Result<Listing> List(const Path& path) override;
  Result<std::string> ReadFile(const Path& path) override;
  Result<std::string> ReadLink(const Path& path) override;
  Result<std::string> GetXattr(const Path& path, const std::string& name) override;
  Result<std::vector<std::string>> ListXattr(const Path& path) override;

  Status Create(const Path& path, uint32_t mode) override;
  Status MakeDir(const Path& path, uint32_t mode) override;
  Status MakeNode(const Path& path, Type type, uint32_t mode, uint32_t major, uint32_t minor) override;
  Status Symlink(const std::string& target, const Path& path) override;
  Status Link(const Path& from, const Path& to) override;
  Status Unlink(const Path& path) override;
  Status RemoveDir(const Path& path) override;
  Status Rename(const Path& from, const Path& to, uint32_t flags) override;

  Status Truncate(const Path& path, uint64_t size) override;
  Status Chmod(const Path& path, uint32_t mode) override;
  Status Chown(const Path& path, uint32_t uid, uint32_t gid) override;
  Status SetXattr(const Path& path, const std::string& name, const std::string& value, int flags) override;
  Status RemoveXattr(const Path& path, const std::string& name) override;

  Status Open(int slot, const Path& path, OpenHow how) override;
  Status TmpFile(int slot, const Path& dir, uint32_t mode) override;
  Status Close(int slot) override;
  Result<std::string> ReadSlot(int slot) override;
  Status WriteSlot(int slot, uint64_t offset, const std::string& data) override;
  Status TruncateSlot(int slot, uint64_t size) override;
  Result<Sight> StatSlot(int slot) override;
  Status ChmodSlot(int slot, uint32_t mode) override;
  Status SetXattrSlot(int slot, const std::string& name, const std::string& value) override;
  Status LinkSlot(int slot, const Path& path) override;

  Status DropCaches() override;
  Status Remount() override;
  // Closes everything and unmounts; only Remount may follow.
  void Unmount();

  // Asks what no client would, or one that knows too little, of the two paths: each must be refused and
  // change nothing.  Names the first that was not; empty: none.
  std::string AskWrongly(const Path& path, const Path& path2);

  // When the object's contents last changed.
  Result<TimeSpec> ModifiedAt(const Path& path);

 private:
  struct OpenFile {
    NodeId node = 0;
    Handle handle = 0;
    bool write = false;
    bool nameless = false;
  };
  struct Found {
    NodeId node = 0;
    Attr attr;
  };
  struct Row {
    std::string name;
    uint64_t ino = 0;
    uint8_t type = 0;
    friend bool operator==(const Row&, const Row&) = default;
  };
  struct OpenDirectory {
    NodeId node = 0;
    Handle handle = 0;
  };

  UnionFs& fs() { return mount_.fs(); }
  // Nobody else can have changed anything between two questions.
  bool alone() const { return mount_.believer() != nullptr; }
  void Keep(const Entry& entry) { ++kept_[entry.node]; }
  // What it changes itself it knows to be no longer true.
  void DropBeliefs() {
    if (Believer* believer = mount_.believer()) believer->DropAll();
  }
  Status Believe(NodeId node, const Attr& attr, uint32_t ttl_s);
  Result<AttrReply> AskAttr(NodeId node, Handle handle);
  Result<Found> LookUp(NodeId dir, const std::string& name);
  Result<Found> Walk(const Path& path);
  Result<Found> WalkToDir(const Path& path);
  // The directory for a name that is to be made: EEXIST where it is there; EROFS.
  Result<NodeId> DirForNew(const Path& path);
  Status Made(const Result<Entry>& entry);
  Status CreateExisting(const Path& path);
  Status SetAttr(NodeId node, Handle handle, const SetAttrArgs& args);
  Result<std::string> ReadAll(NodeId node, Handle handle);
  Result<OpenFile*> Slot(int slot);
  // All of the listing, so many at a time.
  Result<std::vector<Row>> ReadRows(OpenDirectory dir, size_t at_a_time);
  Status CheckRows(OpenDirectory dir, const std::vector<Row>& rows);
  Status CheckPlus(OpenDirectory dir, const std::vector<Row>& rows);
  void LeaveDirectory();
  // What the engine does not refuse of the node, as a directory; of flags.
  std::string AskAllIn(NodeId node, const std::string& name);
  std::string AskOfFlags(const std::string& name);

  EngineMount& mount_;
  const Caller me_;
  std::map<NodeId, uint64_t> kept_;
  std::array<std::optional<OpenFile>, kSlots> slots_;
  std::optional<OpenDirectory> last_listed_;
  NodeId removed_ = 0;                                          // a directory that is held and gone
  std::map<std::pair<NodeId, uint64_t>, std::string> cookies_;  // whose they were, of nodes that are kept
};

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_ENGINE_CLIENT_H_
