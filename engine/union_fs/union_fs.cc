#include "engine/union_fs/union_fs.h"

#include "engine/ops/ops.h"
#include "engine/ops/parts.h"
#include "engine/union_fs/open_parts.h"

namespace plyfs {

UnionFs::UnionFs(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
UnionFs::~UnionFs() = default;

Result<std::unique_ptr<UnionFs>> UnionFs::Claim(const StackConfig& config, std::string* error_line) {
  PLY_TRY(std::unique_ptr<Parts> parts, ClaimParts(config, error_line));
  return std::unique_ptr<UnionFs>(new UnionFs(std::move(parts)));
}

Status UnionFs::Prepare(std::string* error_line) {
  return PrepareParts(*parts_, error_line);
}

Result<std::unique_ptr<UnionFs>> UnionFs::Open(const StackConfig& config, std::string* error_line) {
  PLY_TRY(std::unique_ptr<UnionFs> fs, Claim(config, error_line));
  PLY_CHECK(fs->Prepare(error_line));
  return fs;
}

void UnionFs::SetInvalidator(Invalidator* invalidator) {
  parts_->invalidator = invalidator;
}

std::vector<std::pair<NodeId, std::string>> UnionFs::NamesTold(NodeId node) const {
  return parts_->tree.inodes.NamesTold(node);
}

Result<Entry> UnionFs::Lookup(const Caller& caller, NodeId parent, Name name) {
  return ops::Lookup(*parts_, caller, parent, name);
}

void UnionFs::Forget(NodeId node, uint64_t count) {
  ops::Forget(*parts_, node, count);
}

Result<AttrReply> UnionFs::GetAttr(const Caller&, NodeId node, Handle handle) {
  return ops::GetAttr(*parts_, node, handle);
}

Result<AttrReply> UnionFs::SetAttr(const Caller& caller, NodeId node, Handle handle,
                                   const SetAttrArgs& args) {
  return ops::SetAttr(*parts_, caller, node, handle, args);
}

Result<std::string> UnionFs::ReadLink(const Caller&, NodeId node) {
  return ops::ReadLink(*parts_, node);
}

Result<Entry> UnionFs::MakeNode(const Caller& caller, NodeId parent, Name name, uint32_t mode,
                                uint64_t rdev) {
  return ops::MakeNode(*parts_, caller, parent, name, mode, rdev);
}

Result<Entry> UnionFs::MakeDir(const Caller& caller, NodeId parent, Name name, uint32_t mode) {
  return ops::MakeDir(*parts_, caller, parent, name, mode);
}

Result<Entry> UnionFs::Symlink(const Caller& caller, NodeId parent, Name name, std::string_view target) {
  return ops::Symlink(*parts_, caller, parent, name, target);
}

Result<Entry> UnionFs::Link(const Caller&, NodeId node, NodeId new_parent, Name new_name) {
  return ops::Link(*parts_, node, new_parent, new_name);
}

Status UnionFs::Unlink(const Caller&, NodeId parent, Name name) {
  return ops::Unlink(*parts_, parent, name);
}

Status UnionFs::RemoveDir(const Caller&, NodeId parent, Name name) {
  return ops::RemoveDir(*parts_, parent, name);
}

Status UnionFs::Rename(const Caller&, NodeId parent, Name name, NodeId new_parent, Name new_name,
                       uint32_t flags) {
  return ops::Rename(*parts_, parent, name, new_parent, new_name, flags);
}

Result<Opened> UnionFs::Open(const Caller& caller, NodeId node, uint32_t flags, bool kill_suidgid) {
  return ops::Open(*parts_, caller, node, flags, kill_suidgid);
}

Result<Created> UnionFs::Create(const Caller& caller, NodeId parent, Name name, uint32_t mode,
                                uint32_t flags) {
  return ops::Create(*parts_, caller, parent, name, mode, flags);
}

Result<Created> UnionFs::TmpFile(const Caller& caller, NodeId parent, uint32_t mode, uint32_t flags) {
  return ops::TmpFile(*parts_, caller, parent, mode, flags);
}

Result<size_t> UnionFs::Read(NodeId, Handle handle, uint64_t offset, std::span<char> out) {
  return ops::Read(*parts_, handle, offset, out);
}

Result<size_t> UnionFs::Write(const Caller& caller, NodeId, Handle handle, uint64_t offset,
                              std::span<const char> data, const WriteFlags& flags) {
  return ops::Write(*parts_, caller, handle, offset, data, flags);
}

Status UnionFs::Flush(NodeId, Handle) {
  return OkStatus();
}

Status UnionFs::Fsync(NodeId, Handle handle, bool data_only) {
  return ops::Fsync(*parts_, handle, data_only);
}

void UnionFs::Release(NodeId, Handle handle) {
  ops::Release(*parts_, handle);
}

Status UnionFs::Fallocate(const Caller& caller, NodeId, Handle handle, uint32_t mode, uint64_t offset,
                          uint64_t length) {
  return ops::Fallocate(*parts_, caller, handle, mode, offset, length);
}

Result<uint64_t> UnionFs::Seek(NodeId, Handle handle, uint64_t offset, int whence) {
  return ops::Seek(*parts_, handle, offset, whence);
}

Result<size_t> UnionFs::CopyFileRange(const Caller& caller, NodeId, Handle from_handle, uint64_t from_offset,
                                      NodeId, Handle to_handle, uint64_t to_offset, uint64_t length) {
  return ops::CopyFileRange(*parts_, caller, from_handle, from_offset, to_handle, to_offset, length);
}

Result<Opened> UnionFs::OpenDir(const Caller&, NodeId node, uint32_t flags) {
  return ops::OpenDir(*parts_, node, flags);
}

Status UnionFs::ReadDir(NodeId, Handle handle, Cookie from, const DirSink& sink) {
  return ops::ReadDir(*parts_, handle, from, sink);
}

Status UnionFs::ReadDirPlus(const Caller& caller, NodeId, Handle handle, Cookie from,
                            const DirPlusSink& sink) {
  return ops::ReadDirPlus(*parts_, caller, handle, from, sink);
}

Status UnionFs::FsyncDir(NodeId node, Handle, bool data_only) {
  return ops::FsyncDir(*parts_, node, data_only);
}

void UnionFs::ReleaseDir(NodeId, Handle handle) {
  ops::ReleaseDir(*parts_, handle);
}

Result<std::string> UnionFs::GetXattr(const Caller&, NodeId node, std::string_view name) {
  return ops::GetXattr(*parts_, node, name);
}

Result<std::string> UnionFs::ListXattr(const Caller& caller, NodeId node, size_t room) {
  return ops::ListXattr(*parts_, caller, node, room);
}

Status UnionFs::SetXattr(const Caller& caller, NodeId node, std::string_view name, std::string_view value,
                         uint32_t flags, bool kill_sgid) {
  return ops::SetXattr(*parts_, caller, node, name, value, flags, kill_sgid);
}

Status UnionFs::RemoveXattr(const Caller& caller, NodeId node, std::string_view name) {
  return ops::RemoveXattr(*parts_, caller, node, name);
}

Result<StatFs> UnionFs::Statfs(NodeId) {
  return ops::Statfs(*parts_);
}

Result<std::string> UnionFs::Ioctl(const Caller& caller, NodeId node, Handle, uint32_t command,
                                   std::string_view in, size_t out_size) {
  return ops::Ioctl(*parts_, caller, node, command, in, out_size);
}

Whereabouts UnionFs::Describe(NodeId node, LayerId asked) {
  return plyfs::Describe(*parts_, node, asked);
}

std::vector<Stat> UnionFs::Stats() {
  return plyfs::Stats(*parts_);
}

void UnionFs::Close() {
  // Requests may still be under way on other threads: nothing they use is taken down.
  if (parts_->coherence) parts_->coherence->Stop();
}

void UnionFs::LetGo() {
  if (parts_->work) parts_->work->Unlock();
}

}  // namespace plyfs
