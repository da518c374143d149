// UnionFs: one merged tree, the engine's public face.
//
// Owned by whoever mounts (fuse::Session uses it).  Every operation may be called from any thread at any time
// and runs start to end on the calling thread; it may block on the layers' filesystems and on other
// operations of the same object, never on a lock that is held across I/O.  Errors are the errno that the
// client is to see.  This file only forwards: each operation is a file of its own in engine/ops.
//
// Lookup counts: each successful Lookup, Create, MakeNode, MakeDir, Symlink, Link, TmpFile and each
// ReadDirPlus entry with a node raises the node's count by one; Forget lowers it.  A caller whose reply did
// not reach the client takes the count back with Forget, and an open handle back with Release.
#ifndef PLYFS_ENGINE_UNION_FS_UNION_FS_H_
#define PLYFS_ENGINE_UNION_FS_UNION_FS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/name.h"
#include "engine/base/result.h"
#include "engine/format/attr.h"
#include "engine/format/stack_config.h"
#include "engine/ops/request.h"
#include "engine/ops/stats.h"
#include "engine/ops/whereabouts.h"

namespace plyfs {

struct Parts;

class UnionFs {
 public:
  // Opens all layers and takes the locks of upper and work (EBUSY: held by another mount, after waiting up to
  // five seconds); changes nothing on disk.  On failure *error_line names the option, the value and the
  // remedy.
  static Result<std::unique_ptr<UnionFs>> Claim(const StackConfig& config, std::string* error_line);
  // Makes and empties W/work: the first changes on disk.  Once, before the first request.
  Status Prepare(std::string* error_line);
  // Both.
  static Result<std::unique_ptr<UnionFs>> Open(const StackConfig& config, std::string* error_line);
  ~UnionFs();

  // Where to send notices for the client's kernel caches; set before the first request.
  void SetInvalidator(Invalidator* invalidator);
  // Parents and names of a node that the client was told of and has not forgotten.
  std::vector<std::pair<NodeId, std::string>> NamesTold(NodeId node) const;

  Result<Entry> Lookup(const Caller& caller, NodeId parent, Name name);
  void Forget(NodeId node, uint64_t count);

  // `handle` is 0 when the client named none; likewise below.
  Result<AttrReply> GetAttr(const Caller& caller, NodeId node, Handle handle);
  Result<AttrReply> SetAttr(const Caller& caller, NodeId node, Handle handle, const SetAttrArgs& args);
  Result<std::string> ReadLink(const Caller& caller, NodeId node);

  Result<Entry> MakeNode(const Caller& caller, NodeId parent, Name name, uint32_t mode, uint64_t rdev);
  Result<Entry> MakeDir(const Caller& caller, NodeId parent, Name name, uint32_t mode);
  Result<Entry> Symlink(const Caller& caller, NodeId parent, Name name, std::string_view target);
  Result<Entry> Link(const Caller& caller, NodeId node, NodeId new_parent, Name new_name);
  Status Unlink(const Caller& caller, NodeId parent, Name name);
  Status RemoveDir(const Caller& caller, NodeId parent, Name name);
  // flags: RENAME_NOREPLACE, RENAME_EXCHANGE; RENAME_WHITEOUT is EINVAL (R2).
  Status Rename(const Caller& caller, NodeId parent, Name name, NodeId new_parent, Name new_name,
                uint32_t flags);

  // `flags` as open(2) has them.
  Result<Opened> Open(const Caller& caller, NodeId node, uint32_t flags, bool kill_suidgid);
  Result<Created> Create(const Caller& caller, NodeId parent, Name name, uint32_t mode, uint32_t flags);
  Result<Created> TmpFile(const Caller& caller, NodeId parent, uint32_t mode, uint32_t flags);
  // Into `out`; the bytes read, fewer than out.size() only at the end of the file.
  Result<size_t> Read(NodeId node, Handle handle, uint64_t offset, std::span<char> out);
  Result<size_t> Write(const Caller& caller, NodeId node, Handle handle, uint64_t offset,
                       std::span<const char> data, const WriteFlags& flags);
  Status Flush(NodeId node, Handle handle);
  Status Fsync(NodeId node, Handle handle, bool data_only);
  void Release(NodeId node, Handle handle);
  Status Fallocate(const Caller& caller, NodeId node, Handle handle, uint32_t mode, uint64_t offset,
                   uint64_t length);
  Result<uint64_t> Seek(NodeId node, Handle handle, uint64_t offset, int whence);
  Result<size_t> CopyFileRange(const Caller& caller, NodeId from, Handle from_handle, uint64_t from_offset,
                               NodeId to, Handle to_handle, uint64_t to_offset, uint64_t length);

  Result<Opened> OpenDir(const Caller& caller, NodeId node, uint32_t flags);
  // Calls `sink` for entries after `from` until it answers false (no room) or the listing ends.
  Status ReadDir(NodeId node, Handle handle, Cookie from, const DirSink& sink);
  // As ReadDir, but to a caller who looks at what it lists (tree/list_habits.h) entries carry attributes and,
  // where known, a node whose lookup count was raised; for an entry that `sink` refuses the count is taken
  // back.
  Status ReadDirPlus(const Caller& caller, NodeId node, Handle handle, Cookie from, const DirPlusSink& sink);
  Status FsyncDir(NodeId node, Handle handle, bool data_only);
  void ReleaseDir(NodeId node, Handle handle);

  // The value; ENODATA when absent; ERANGE never (the caller compares sizes).
  Result<std::string> GetXattr(const Caller& caller, NodeId node, std::string_view name);
  // Names, each ended by NUL.
  // `room`: bytes that the client has for the list; 0: it asks for the size, which only the answer's length
  // tells.
  Result<std::string> ListXattr(const Caller& caller, NodeId node, size_t room);
  // flags: XATTR_CREATE, XATTR_REPLACE.  kill_sgid: an ACL is set by one outside the file's group (A9).
  Status SetXattr(const Caller& caller, NodeId node, std::string_view name, std::string_view value,
                  uint32_t flags, bool kill_sgid);
  Status RemoveXattr(const Caller& caller, NodeId node, std::string_view name);

  Result<StatFs> Statfs(NodeId node);
  // FS_IOC_GETFLAGS, SETFLAGS, FSGETXATTR, FSSETXATTR (A14, F12); ENOTTY for others.
  Result<std::string> Ioctl(const Caller& caller, NodeId node, Handle handle, uint32_t command,
                            std::string_view in, size_t out_size);

  // Where an object is and which layer is being asked, for the log (ops/whereabouts.h).  Never blocks.
  Whereabouts Describe(NodeId node, LayerId asked);

  // What the mount holds and has done so far (ops/stats.h).
  std::vector<Stat> Stats();

  // Everything acknowledged is on upper already; stops background work.  Writes nothing into upper or work.
  void Close();
  // Another mount may have upper and work from now on: at once, where the end of the process takes its time.
  // REQUIRES: no request is being executed, and none comes.
  void LetGo();

 private:
  explicit UnionFs(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_UNION_FS_UNION_FS_H_
