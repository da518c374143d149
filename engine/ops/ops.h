// The operations, one function each, each in the file of its name (Lookup in lookup.cc, RemoveDir in
// remove_dir.cc).
//
// All may be called from any thread at any time, run start to end on the calling thread and may block on the
// layers.  What they take, give and guarantee is said in union_fs/union_fs.h, which forwards to them.
// Operations that change the tree plan (tree), act on upper (disk) and publish (tree), in that order: the
// disk is the truth, so a crash between loses nothing.
#ifndef PLYFS_ENGINE_OPS_OPS_H_
#define PLYFS_ENGINE_OPS_OPS_H_

#include <span>
#include <string>
#include <string_view>

#include "engine/base/name.h"
#include "engine/ops/parts.h"
#include "engine/ops/request.h"

namespace plyfs::ops {

Result<Entry> Lookup(Parts& parts, const Caller& caller, NodeId parent, Name name);
void Forget(Parts& parts, NodeId node, uint64_t count);
Result<AttrReply> GetAttr(Parts& parts, NodeId node, Handle handle);
Result<AttrReply> SetAttr(Parts& parts, const Caller& caller, NodeId node, Handle handle,
                          const SetAttrArgs& args);
Result<std::string> ReadLink(Parts& parts, NodeId node);

Result<Entry> MakeNode(Parts& parts, const Caller& caller, NodeId parent, Name name, uint32_t mode,
                       uint64_t rdev);
Result<Entry> MakeDir(Parts& parts, const Caller& caller, NodeId parent, Name name, uint32_t mode);
Result<Entry> Symlink(Parts& parts, const Caller& caller, NodeId parent, Name name, std::string_view target);
Result<Entry> Link(Parts& parts, NodeId node, NodeId new_parent, Name new_name);
Status Unlink(Parts& parts, NodeId parent, Name name);
Status RemoveDir(Parts& parts, NodeId parent, Name name);
Status Rename(Parts& parts, NodeId parent, Name name, NodeId new_parent, Name new_name, uint32_t flags);

Result<Opened> Open(Parts& parts, const Caller& caller, NodeId node, uint32_t flags, bool kill_suidgid);
Result<Created> Create(Parts& parts, const Caller& caller, NodeId parent, Name name, uint32_t mode,
                       uint32_t flags);
Result<Created> TmpFile(Parts& parts, const Caller& caller, NodeId parent, uint32_t mode, uint32_t flags);
Result<size_t> Read(Parts& parts, Handle handle, uint64_t offset, std::span<char> out);
Result<size_t> Write(Parts& parts, const Caller& caller, Handle handle, uint64_t offset,
                     std::span<const char> data, const WriteFlags& flags);
Status Fsync(Parts& parts, Handle handle, bool data_only);
void Release(Parts& parts, Handle handle);
Status Fallocate(Parts& parts, const Caller& caller, Handle handle, uint32_t mode, uint64_t offset,
                 uint64_t length);
Result<uint64_t> Seek(Parts& parts, Handle handle, uint64_t offset, int whence);
Result<size_t> CopyFileRange(Parts& parts, const Caller& caller, Handle from, uint64_t from_offset, Handle to,
                             uint64_t to_offset, uint64_t length);

Result<Opened> OpenDir(Parts& parts, NodeId node, uint32_t flags);
Status ReadDir(Parts& parts, Handle handle, Cookie from, const DirSink& sink);
Status ReadDirPlus(Parts& parts, const Caller& caller, Handle handle, Cookie from, const DirPlusSink& sink);
Status FsyncDir(Parts& parts, NodeId node, bool data_only);
void ReleaseDir(Parts& parts, Handle handle);

Result<std::string> GetXattr(Parts& parts, NodeId node, std::string_view name);
Result<std::string> ListXattr(Parts& parts, const Caller& caller, NodeId node, size_t room);
Status SetXattr(Parts& parts, const Caller& caller, NodeId node, std::string_view name,
                std::string_view value, uint32_t flags, bool kill_sgid);
Status RemoveXattr(Parts& parts, const Caller& caller, NodeId node, std::string_view name);

Result<StatFs> Statfs(Parts& parts);
Result<std::string> Ioctl(Parts& parts, const Caller& caller, NodeId node, uint32_t command,
                          std::string_view in, size_t out_size);

}  // namespace plyfs::ops

#endif  // PLYFS_ENGINE_OPS_OPS_H_
