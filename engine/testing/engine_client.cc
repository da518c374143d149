#include "engine/testing/engine_client.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace plyfs::model {
namespace {

Sight SightOf(const Attr& attr) {
  Sight sight{TypeOf(attr.mode), attr.mode & 07777, attr.uid,   attr.gid,
              attr.rdev_major,   attr.rdev_minor,   attr.nlink, attr.size};
  if (sight.type == Type::kDir) sight.size = 0;
  return sight;
}

// fs/xattr.c: xattr_permission.
Status CheckXattrName(const Attr& attr, const std::string& name, bool write) {
  if (!name.starts_with("user.") || attr.is_regular() || attr.is_dir()) return OkStatus();
  return Errno(write ? EPERM : ENODATA);
}

}  // namespace

Status EngineMount::Mount() {
  std::string line;
  auto opened = UnionFs::Open(config_, &line);
  if (!opened.ok()) {
    std::fprintf(stderr, "%s: errno %d\n", line.c_str(), opened.error());
    return opened.status();
  }
  fs_ = *std::move(opened);
  believer_.DropAll();
  if (tells_) fs_->SetInvalidator(only_client_ ? static_cast<Invalidator*>(&believer_) : &unbeliever_);
  return OkStatus();
}

EngineClient::~EngineClient() {
  for (int slot = 0; slot < kSlots; ++slot) (void)Close(slot);
  (void)DropCaches();
}

Result<EngineClient::Found> EngineClient::LookUp(NodeId dir, const std::string& name) {
  PLY_TRY(Entry entry, fs().Lookup(me_, dir, Name::Trusted(name)));
  if (entry.node == 0) return Errno(ENOENT);
  Keep(entry);
  PLY_CHECK(Believe(entry.node, entry.attr, entry.attr_ttl_s));
  return Found{entry.node, entry.attr};
}

Status EngineClient::Believe(NodeId node, const Attr& attr, uint32_t ttl_s) {
  Believer* believer = mount_.believer();
  return !believer || believer->IsTold(node, attr, ttl_s) ? OkStatus() : Status(Errno(EUCLEAN));
}

Result<AttrReply> EngineClient::AskAttr(NodeId node, Handle handle) {
  PLY_TRY(AttrReply reply, fs().GetAttr(me_, node, handle));
  PLY_CHECK(Believe(node, reply.attr, reply.ttl_s));
  return reply;
}

Result<TimeSpec> EngineClient::ModifiedAt(const Path& path) {
  PLY_TRY(Found found, Walk(path));
  return found.attr.mtime;
}

Result<EngineClient::Found> EngineClient::Walk(const Path& path) {
  if (path.empty()) {
    PLY_TRY(AttrReply root, AskAttr(kRootNode, 0));
    return Found{kRootNode, root.attr};
  }
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Found dir, WalkToDir(parent));
  return LookUp(dir.node, name);
}

Result<EngineClient::Found> EngineClient::WalkToDir(const Path& path) {
  PLY_TRY(Found found, Walk(path));
  if (!found.attr.is_dir()) return Errno(ENOTDIR);
  return found;
}

Result<NodeId> EngineClient::DirForNew(const Path& path) {
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Found dir, WalkToDir(parent));
  Result<Found> there = LookUp(dir.node, name);
  if (there.ok()) return Errno(EEXIST);
  if (there.error() != ENOENT) return there.status();
  if (!mount_.writable()) return Errno(EROFS);
  return dir.node;
}

Result<Sight> EngineClient::Stat(const Path& path) {
  PLY_TRY(Found found, Walk(path));
  PLY_TRY(AttrReply reply, AskAttr(found.node, 0));
  if (!alone()) return SightOf(reply.attr);
  if (!(SightOf(reply.attr).links == SightOf(found.attr).links) || reply.attr.ino != found.attr.ino ||
      reply.attr.mode != found.attr.mode) {
    return Errno(EUCLEAN);
  }
  return SightOf(reply.attr);
}

Result<std::string> EngineClient::ReadAll(NodeId node, Handle handle) {
  std::string data(4096, '\0');
  PLY_TRY(size_t n, fs().Read(node, handle, 0, data));
  data.resize(n);
  return data;
}

Result<std::string> EngineClient::ReadFile(const Path& path) {
  PLY_TRY(Found found, Walk(path));
  if (!found.attr.is_regular()) return Errno(EINVAL);
  PLY_TRY(Opened opened, fs().Open(me_, found.node, O_RDONLY, false));
  Result<std::string> data = ReadAll(found.node, opened.handle);
  fs().Release(found.node, opened.handle);
  return data;
}

Result<std::string> EngineClient::ReadLink(const Path& path) {
  PLY_TRY(Found found, Walk(path));
  if (TypeOf(found.attr.mode) != Type::kSymlink) return Errno(EINVAL);
  return fs().ReadLink(me_, found.node);
}

Result<std::string> EngineClient::GetXattr(const Path& path, const std::string& name) {
  PLY_TRY(Found found, Walk(path));
  PLY_CHECK(CheckXattrName(found.attr, name, false));
  return fs().GetXattr(me_, found.node, name);
}

Result<std::vector<std::string>> EngineClient::ListXattr(const Path& path) {
  PLY_TRY(Found found, Walk(path));
  PLY_TRY(std::string list, fs().ListXattr(me_, found.node, 65536));
  std::vector<std::string> names;
  for (size_t at = 0; at < list.size();) {
    const std::string name = list.c_str() + at;
    at += name.size() + 1;
    if (name.starts_with("user.") || name.starts_with("trusted.")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status EngineClient::Made(const Result<Entry>& entry) {
  DropBeliefs();
  if (!entry.ok()) return entry.status();
  Keep(*entry);
  return OkStatus();
}

// A client whose dentry is older asks for what is there: it is refused, or opened without O_EXCL (open(2)).
Status EngineClient::CreateExisting(const Path& path) {
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Found dir, WalkToDir(parent));
  PLY_TRY(Found there, LookUp(dir.node, name));
  const int refused =
      fs().Create(me_, dir.node, Name::Trusted(name), 0600, O_RDONLY | O_CREAT | O_EXCL).error();
  if (refused != EEXIST) return Errno(refused == 0 ? EUCLEAN : refused);
  Result<Created> opened = fs().Create(me_, dir.node, Name::Trusted(name), 0600, O_RDONLY | O_CREAT);
  if (opened.ok()) {
    Keep(opened->entry);
    fs().Release(opened->entry.node, opened->opened.handle);
  }
  const int expected = there.attr.is_dir() ? EISDIR : there.attr.is_regular() ? 0 : ESTALE;
  if (opened.error() == expected && (!opened.ok() || opened->entry.node == there.node)) return Errno(EEXIST);
  return Errno(opened.ok() ? EUCLEAN : opened.error());
}

Status EngineClient::Create(const Path& path, uint32_t mode) {
  Result<NodeId> free = DirForNew(path);
  if (free.error() == EEXIST && alone()) return CreateExisting(path);
  if (!free.ok()) return free.status();
  const NodeId dir = *free;
  const std::string name = SplitPath(path).second;
  DropBeliefs();
  PLY_TRY(Created made, fs().Create(me_, dir, Name::Trusted(name), mode, O_RDWR | O_CREAT | O_EXCL));
  Keep(made.entry);
  fs().Release(made.entry.node, made.opened.handle);
  return OkStatus();
}

Status EngineClient::MakeDir(const Path& path, uint32_t mode) {
  PLY_TRY(NodeId dir, DirForNew(path));
  const std::string name = SplitPath(path).second;
  return Made(fs().MakeDir(me_, dir, Name::Trusted(name), mode));
}

Status EngineClient::MakeNode(const Path& path, Type type, uint32_t mode, uint32_t major, uint32_t minor) {
  PLY_TRY(NodeId dir, DirForNew(path));
  const std::string name = SplitPath(path).second;
  return Made(fs().MakeNode(me_, dir, Name::Trusted(name), TypeBits(type) | mode, makedev(major, minor)));
}

Status EngineClient::Symlink(const std::string& target, const Path& path) {
  PLY_TRY(NodeId dir, DirForNew(path));
  const std::string name = SplitPath(path).second;
  return Made(fs().Symlink(me_, dir, Name::Trusted(name), target));
}

Status EngineClient::Link(const Path& from, const Path& to) {
  PLY_TRY(Found source, Walk(from));
  const std::string name = SplitPath(to).second;
  Result<NodeId> free = DirForNew(to);
  if (free.error() == EEXIST && alone() && mount_.writable()) {
    PLY_TRY(Found parent, WalkToDir(SplitPath(to).first));
    // With EPERM of a directory, which the engine sees first.
    Result<Entry> refused = fs().Link(me_, source.node, parent.node, Name::Trusted(name));
    if (refused.ok()) return Errno(EUCLEAN);
    return refused.error() == EPERM ? Errno(EEXIST) : refused.status();
  }
  if (!free.ok()) return free.status();
  const NodeId dir = *free;
  if (source.attr.is_dir()) return Errno(EPERM);
  return Made(fs().Link(me_, source.node, dir, Name::Trusted(name)));
}

Status EngineClient::Unlink(const Path& path) {
  auto [parent, name] = SplitPath(path);
  PLY_TRY(Found dir, WalkToDir(parent));
  Result<Found> there = LookUp(dir.node, name);
  DropBeliefs();
  if (there.ok() && there->attr.is_dir()) {
    // Refused by the engine as well, but the other way round where the mount is read-only.
    Status refused = fs().Unlink(me_, dir.node, Name::Trusted(name));
    return refused.ok() && alone() ? Status(Errno(EUCLEAN)) : refused;
  }
  return fs().Unlink(me_, dir.node, Name::Trusted(name));
}

// fs/namei.c: do_renameat2, may_delete.
Status EngineClient::Rename(const Path& from, const Path& to, uint32_t flags) {
  const bool exchange = flags & RENAME_EXCHANGE;
  if (exchange && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) return Errno(EINVAL);
  auto [from_parent, from_name] = SplitPath(from);
  auto [to_parent, to_name] = SplitPath(to);
  PLY_TRY(Found from_dir, WalkToDir(from_parent));
  PLY_TRY(Found to_dir, WalkToDir(to_parent));
  const auto ask = [&, name = from_name, new_name = to_name] {
    DropBeliefs();
    return fs().Rename(me_, from_dir.node, Name::Trusted(name), to_dir.node, Name::Trusted(new_name), flags);
  };
  if (!mount_.writable()) return Errno(EROFS);
  Result<Found> source = LookUp(from_dir.node, from_name);
  Result<Found> target = LookUp(to_dir.node, to_name);
  if (!source.ok() || (!target.ok() && target.error() != ENOENT)) return ask();
  if (target.ok() && (flags & RENAME_NOREPLACE)) return ask();
  if (!target.ok() && exchange) return ask();
  if (from != to && (IsWithin(to, from) || IsWithin(from, to))) return ask();
  // Nothing to do, which the engine would say as well (R14), but of a directory that may not move.
  if (target.ok() && target->node == source->node) return source->attr.is_dir() ? OkStatus() : ask();
  if (target.ok() && !exchange && target->attr.is_dir() != source->attr.is_dir()) {
    // With another errno than the client's, where it refuses for two reasons.
    if (ask().ok()) return alone() ? Status(Errno(EUCLEAN)) : OkStatus();
    return Errno(source->attr.is_dir() ? ENOTDIR : EISDIR);
  }
  return ask();
}

Status EngineClient::SetAttr(NodeId node, Handle handle, const SetAttrArgs& args) {
  DropBeliefs();
  Result<AttrReply> reply = fs().SetAttr(me_, node, handle, args);
  return reply.ok() ? OkStatus() : Status(reply.status());
}

Status EngineClient::Truncate(const Path& path, uint64_t size) {
  PLY_TRY(Found found, Walk(path));
  if (found.attr.is_dir()) return Errno(EISDIR);
  if (!found.attr.is_regular()) return Errno(EINVAL);
  SetAttrArgs args;
  args.size = size;
  return SetAttr(found.node, 0, args);
}

Status EngineClient::Chmod(const Path& path, uint32_t mode) {
  PLY_TRY(Found found, Walk(path));
  SetAttrArgs args;
  args.mode = mode;
  if (TypeOf(found.attr.mode) == Type::kSymlink) return Errno(mount_.writable() ? EOPNOTSUPP : EROFS);
  return SetAttr(found.node, 0, args);
}

Status EngineClient::Chown(const Path& path, uint32_t uid, uint32_t gid) {
  PLY_TRY(Found found, Walk(path));
  SetAttrArgs args;
  if (uid != UINT32_MAX) args.uid = uid;
  if (gid != UINT32_MAX) args.gid = gid;
  return SetAttr(found.node, 0, args);
}

Status EngineClient::SetXattr(const Path& path, const std::string& name, const std::string& value,
                              int flags) {
  PLY_TRY(Found found, Walk(path));
  if (!mount_.writable()) return Errno(EROFS);
  PLY_CHECK(CheckXattrName(found.attr, name, true));
  DropBeliefs();
  return fs().SetXattr(me_, found.node, name, value, static_cast<uint32_t>(flags), false);
}

Status EngineClient::RemoveXattr(const Path& path, const std::string& name) {
  PLY_TRY(Found found, Walk(path));
  if (!mount_.writable()) return Errno(EROFS);
  PLY_CHECK(CheckXattrName(found.attr, name, true));
  DropBeliefs();
  return fs().RemoveXattr(me_, found.node, name);
}

Result<EngineClient::OpenFile*> EngineClient::Slot(int slot) {
  auto& file = slots_[static_cast<size_t>(slot)];
  if (!file) return Errno(EBADF);
  return &*file;
}

Status EngineClient::Open(int slot, const Path& path, OpenHow how) {
  auto& file = slots_[static_cast<size_t>(slot)];
  if (file) return Errno(EMFILE);
  PLY_TRY(Found found, Walk(path));
  if (!found.attr.is_regular()) return Errno(EINVAL);
  const int flags = (how.write ? O_RDWR : O_RDONLY) | (how.truncate ? O_TRUNC : 0);
  if (how.truncate) DropBeliefs();
  PLY_TRY(Opened opened, fs().Open(me_, found.node, static_cast<uint32_t>(flags), false));
  file = OpenFile{found.node, opened.handle, how.write, false};
  return OkStatus();
}

Status EngineClient::TmpFile(int slot, const Path& dir, uint32_t mode) {
  auto& file = slots_[static_cast<size_t>(slot)];
  if (file) return Errno(EMFILE);
  PLY_TRY(Found found, WalkToDir(dir));
  DropBeliefs();
  PLY_TRY(Created made, fs().TmpFile(me_, found.node, mode, O_RDWR));
  Keep(made.entry);
  file = OpenFile{made.entry.node, made.opened.handle, true, true};
  return OkStatus();
}

Status EngineClient::Close(int slot) {
  PLY_TRY(OpenFile * file, Slot(slot));
  fs().Release(file->node, file->handle);
  slots_[static_cast<size_t>(slot)].reset();
  return OkStatus();
}

Result<std::string> EngineClient::ReadSlot(int slot) {
  PLY_TRY(OpenFile * file, Slot(slot));
  return ReadAll(file->node, file->handle);
}

Status EngineClient::WriteSlot(int slot, uint64_t offset, const std::string& data) {
  PLY_TRY(OpenFile * file, Slot(slot));
  DropBeliefs();
  PLY_TRY(size_t n, fs().Write(me_, file->node, file->handle, offset, data, {}));
  return n == data.size() ? OkStatus() : Status(Errno(EUCLEAN));
}

Status EngineClient::TruncateSlot(int slot, uint64_t size) {
  PLY_TRY(OpenFile * file, Slot(slot));
  if (!file->write) return Errno(EINVAL);
  SetAttrArgs args;
  args.size = size;
  return SetAttr(file->node, file->handle, args);
}

Result<Sight> EngineClient::StatSlot(int slot) {
  PLY_TRY(OpenFile * file, Slot(slot));
  PLY_TRY(AttrReply reply, AskAttr(file->node, file->handle));
  return SightOf(reply.attr);
}

Status EngineClient::ChmodSlot(int slot, uint32_t mode) {
  PLY_TRY(OpenFile * file, Slot(slot));
  SetAttrArgs args;
  args.mode = mode;
  return SetAttr(file->node, 0, args);  // fchmod(2) names no handle
}

Status EngineClient::SetXattrSlot(int slot, const std::string& name, const std::string& value) {
  PLY_TRY(OpenFile * file, Slot(slot));
  if (!mount_.writable()) return Errno(EROFS);
  DropBeliefs();
  return fs().SetXattr(me_, file->node, name, value, 0, false);
}

// fs/namei.c: vfs_link.
Status EngineClient::LinkSlot(int slot, const Path& path) {
  PLY_TRY(OpenFile * file, Slot(slot));
  PLY_TRY(NodeId dir, DirForNew(path));
  PLY_TRY(AttrReply reply, AskAttr(file->node, file->handle));
  if (reply.attr.nlink == 0 && !file->nameless) return Errno(ENOENT);
  const std::string name = SplitPath(path).second;
  PLY_CHECK(Made(fs().Link(me_, file->node, dir, Name::Trusted(name))));
  file->nameless = false;
  return OkStatus();
}

Status EngineClient::DropCaches() {
  LeaveDirectory();
  cookies_.clear();
  DropBeliefs();
  removed_ = 0;
  std::map<NodeId, uint64_t> still;
  for (const auto& [node, count] : kept_) {
    uint64_t in_use = 0;
    for (const auto& file : slots_) in_use |= file && file->node == node;
    if (in_use != 0) still[node] = in_use;
    if (count > in_use) fs().Forget(node, count - in_use);
  }
  kept_ = std::move(still);
  return OkStatus();
}

void EngineClient::Unmount() {
  for (int slot = 0; slot < kSlots; ++slot) (void)Close(slot);
  LeaveDirectory();
  cookies_.clear();
  kept_.clear();
  removed_ = 0;
  mount_.Unmount();
}

Status EngineClient::Remount() {
  Unmount();
  return mount_.Mount();
}

}  // namespace plyfs::model
