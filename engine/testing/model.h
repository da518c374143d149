// Model: what an overlay is, said as plainly as it can be: layers are trees in memory, a name is found by
// asking every layer each time, and a change is what docs/semantics.md says that it leaves in upper.
//
// It exists to be compared with the engine and with the kernel, so it shares no code with the engine (only
// the errno values of engine/base) and nothing in it is clever.  Rules are cited where they are said.  Owned
// by a test; one thread.
//
// Left out: permissions, set-id bits, ACLs and file capabilities (everything is done as root, A1-A4, A9-A11);
// times and inode numbers (S1-S5, S14, C5); file flags (A14; it only carries those of layers along); sizes
// and offsets of directories; statfs; metacopy and data-only layers but for the refusal of L17; index,
// nfs_export and verity; layers changed by hand (section 8); whiteouts of other tools (section 9); limits of
// names and room.  Where plyfs differs from the kernel on purpose ([P]) the model says what plyfs does.  Of
// the records in upper it keeps whiteouts, opaque, redirect and origin, not impure.
#ifndef PLYFS_ENGINE_TESTING_MODEL_H_
#define PLYFS_ENGINE_TESTING_MODEL_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/testing/overlay.h"

namespace plyfs::model {

struct Object;
using Ref = std::shared_ptr<Object>;

// One object of one layer, as it lies on disk.
struct Object {
  Type type = Type::kFile;
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
  uint32_t major = 0, minor = 0;
  uint32_t links = 1;                         // names of what is no directory
  std::string data;                           // contents, or the symlink's target
  std::map<std::string, std::string> xattrs;  // by the names that they have on disk, records among them
  std::map<std::string, Ref> entries;
  bool given = false;  // upper had it before the first mount
  int flags = 0;       // of the filesystem (FS_IMMUTABLE_FL), which the model does not look at
};

Ref MakeObject(Type type, uint32_t mode);
// A whiteout as mounts make them: a character device 0/0.
Ref MakeWhiteout();

enum class Redirects { kOff, kFollow, kNoFollow, kOn };  // off is follow, as with an unmodified kernel

struct Options {
  Redirects redirect_dir = Redirects::kFollow;
  bool userxattr = false;     // implies kNoFollow
  bool opaque_mkdir = false;  // one of redirect_dir=on, xino=on or xino=auto was given (N6)
};

// One layer's part in what a path leads to.
struct Member {
  int layer;  // 0: upper; 1: the topmost lower
  Ref object;
};
// What a path leads to: one object, or the directories that merge, topmost first.
using Stack = std::vector<Member>;

class Model : public Overlay {
 public:
  // Lowers topmost first; upper is null for a mount without one.
  Model(Options options, std::vector<Ref> lowers, Ref upper);

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

  Status DropCaches() override { return OkStatus(); }
  Status Remount() override;

  const Ref& upper() const { return upper_; }
  const Options& options() const { return options_; }
  // What the path leads to; for tests that want to know which layers take part.
  Result<Stack> Find(const Path& path) const;
  // Listed, but nothing is there (X5).
  bool HasGhosts(const Path& dir);
  // The file of the slot lies on a lower and has lost its name (S10, N19).
  bool IsUnlinkedLower(int slot) const;

 private:
  friend class Search;

  struct OpenFile {
    Ref object;
    bool lower = false;  // not copied up: then `path` is where it is
    Path path;
    bool unlinked = false;  // of a lower one: the name is gone
    bool write = false;
    bool nameless = false;  // made by O_TMPFILE and without a name so far (N18)
  };

  // Looking (model.cc).
  bool IsWhiteout(const Object& object) const;
  bool IsPrivate(const std::string& xattr) const;
  std::string Record(const char* name) const;
  // Absent: the record is not there.
  std::optional<std::string> Get(const Object& object, const char* record) const;
  bool IsOpaque(const Object& object) const;
  Stack Root() const;
  Result<Stack> Lookup(const Stack& dir, const std::string& name) const;
  Result<Stack> FindDir(const Path& path) const;  // ENOTDIR
  Sight SightOf(const Stack& stack) const;
  Listing ListOf(const Stack& dir) const;
  Result<std::string> ValueOf(const Object& object, const std::string& name) const;

  // Changing (model_names.cc, model_rename.cc, model_files.cc).
  bool MayFollow() const;
  bool LowerPositive(const Stack& dir, const std::string& name) const;
  bool HoldsNothing(const Stack& dir) const;
  Ref CopyUp(const Path& path, bool with_data = true);
  Status CheckFree(const Path& path) const;
  static void SetEntry(Object& dir, const std::string& name, Ref object);
  Status Place(const Path& path, Ref object);
  void Erase(const Path& path, Ref whiteout);
  void LoseOpenFiles(const Path& path);
  Status CheckRename(const Path& from, const Path& to, uint32_t flags) const;
  bool CanMove(const Path& path) const;
  Result<std::string> RedirectFor(const Path& path, bool same_parent) const;
  Status RecordMove(const Path& moved, const Path& destination);
  void MoveOpenFiles(const Path& from, const Path& to, bool exchange);
  Result<Ref> Changeable(const Path& path);
  Result<OpenFile*> Slot(int slot);
  // The object behind the slot, copied up.
  Ref ChangeableSlot(OpenFile& file);
  Status StoreXattr(Object& object, const std::string& name, const std::string& value, int flags);
  Status CheckXattrName(const Object& object, const std::string& name) const;
  std::string NameOnDisk(const std::string& xattr) const;

  const Options options_;
  const std::vector<Ref> lowers_;
  const Ref upper_;
  std::array<std::optional<OpenFile>, kSlots> slots_;
};

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_MODEL_H_
