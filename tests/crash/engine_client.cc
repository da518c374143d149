#include "tests/crash/engine_client.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <filesystem>

#include "tests/differential/dice.h"
#include "tests/differential/world.h"

namespace plyfs::crash {

using diff::Op;
using diff::Step;

EngineClient::Answer EngineClient::Do(const Act& act) {
  const diff::User& user = diff::Users()[static_cast<size_t>(act.step.user)];
  me_.uid = user.uid;
  me_.gid = user.gid;
  Answer answer;
  const Op op = act.step.op;
  if (act.chattr || op >= Op::kChmod) {
    answer.error = OnAttributes(act, &answer.data);
  } else if (diff::UsesSlot(op)) {
    answer.error = OnSlot(act.step, &answer.data);
  } else {
    answer.error = op == Op::kOpen || op == Op::kTmpfile ? Open(act.step) : OnNames(act.step);
  }
  me_ = Caller();
  return answer;
}

Result<NodeId> EngineClient::Walk(const std::string& path) {
  NodeId at = kRootNode;
  for (const auto& part : std::filesystem::path(path)) {
    PLY_TRY(Entry entry, fs_.Lookup(me_, at, Name::Trusted(part.native())));
    if (entry.node == 0) return Errno(ENOENT);
    at = entry.node;
  }
  return at;
}

Result<NodeId> EngineClient::Parent(const std::string& path, std::string* name) {
  const size_t slash = path.rfind('/');
  *name = slash == std::string::npos ? path : path.substr(slash + 1);
  return Walk(slash == std::string::npos ? "" : path.substr(0, slash));
}

int EngineClient::OnNames(const Step& step) {
  std::string last;
  Result<NodeId> dir = Parent(step.path, &last);
  if (!dir.ok()) return dir.error();
  const Name name = Name::Trusted(last);
  me_.umask = static_cast<mode_t>(step.b);
  switch (step.op) {
    case Op::kLink: {
      Result<NodeId> node = Walk(step.path);
      Result<NodeId> to = Parent(step.path2, &last);
      if (!node.ok() || !to.ok()) return node.ok() ? to.error() : node.error();
      return fs_.Link(me_, *node, *to, Name::Trusted(last)).error();
    }
    case Op::kUnlink:
      return fs_.Unlink(me_, *dir, name).error();
    case Op::kRmdir:
      return fs_.RemoveDir(me_, *dir, name).error();
    case Op::kRename:
      return Rename(step, *dir, name);
    default:
      return Make(step, *dir, name);
  }
}

int EngineClient::Make(const Step& step, NodeId dir, Name name) {
  const auto mode = static_cast<uint32_t>(step.a);
  switch (step.op) {
    case Op::kMkdir:
      return fs_.MakeDir(me_, dir, name, mode).error();
    case Op::kMknod:
      return fs_
          .MakeNode(me_, dir, name, mode,
                    makedev(static_cast<unsigned>(step.c >> 8), static_cast<unsigned>(step.c & 255)))
          .error();
    case Op::kSymlink:
      return fs_.Symlink(me_, dir, name, step.value).error();
    default: {
      Result<Created> made = fs_.Create(me_, dir, name, mode, O_WRONLY | O_CREAT | O_EXCL);
      if (made.ok()) fs_.Release(made->entry.node, made->opened.handle);
      return made.error();
    }
  }
}

int EngineClient::Rename(const Step& step, NodeId dir, Name name) {
  std::string last;
  Result<NodeId> to = Parent(step.path2, &last);
  if (!to.ok()) return to.error();
  // As the client does: what is renamed was looked up.
  Result<Entry> from = fs_.Lookup(me_, dir, name);
  if (!from.ok()) return from.error();
  return fs_.Rename(me_, dir, name, *to, Name::Trusted(last), static_cast<uint32_t>(step.a)).error();
}

int EngineClient::Open(const Step& step) {
  Slot& slot = slots_[static_cast<size_t>(step.slot)];
  (void)Close(&slot);
  Result<NodeId> node = Walk(step.path);
  if (!node.ok()) return node.error();
  auto flags = static_cast<uint32_t>(step.a);
  Slot made{*node, 0, true, (flags & O_DIRECTORY) != 0, flags};
  if (step.op == Op::kTmpfile) {
    const auto mode = static_cast<uint32_t>(step.a);
    Result<Created> file = fs_.TmpFile(me_, *node, mode, O_RDWR | O_TMPFILE | static_cast<uint32_t>(step.b));
    if (!file.ok()) return file.error();
    made = {file->entry.node, file->opened.handle, true, false, O_RDWR};
  } else {
    Result<Opened> opened =
        made.dir ? fs_.OpenDir(me_, *node, flags) : fs_.Open(me_, *node, flags, /*kill_suidgid=*/false);
    if (!opened.ok()) return opened.error();
    made.handle = opened->handle;
  }
  slot = made;
  return 0;
}

int EngineClient::Close(Slot* slot) {
  if (!slot->open) return 0;
  slot->dir ? fs_.ReleaseDir(slot->node, slot->handle) : fs_.Release(slot->node, slot->handle);
  *slot = Slot();
  return 0;
}

void EngineClient::CloseAll() {
  for (Slot& slot : slots_) (void)Close(&slot);
}

int EngineClient::Write(const Slot& slot, const Step& step) {
  const std::string bytes = diff::Pattern(static_cast<uint64_t>(step.c), static_cast<size_t>(step.b));
  uint64_t at = static_cast<uint64_t>(step.a);
  if (step.a < 0) {
    Result<AttrReply> now = fs_.GetAttr(me_, slot.node, slot.handle);
    if (!now.ok()) return now.error();
    at = now->attr.size;
  }
  WriteFlags flags;
  flags.open_flags = slot.flags;
  flags.kill_suidgid = me_.uid != 0;
  for (size_t done = 0; done < bytes.size();) {
    Result<size_t> n =
        fs_.Write(me_, slot.node, slot.handle, at + done, std::span(bytes).subspan(done), flags);
    if (!n.ok()) return n.error();
    if (*n == 0) return EIO;
    done += *n;
  }
  return 0;
}

int EngineClient::CopyRange(const Slot& from, const Step& step) {
  const Slot& to = slots_[static_cast<size_t>(step.slot2)];
  for (int64_t done = 0; done < step.c;) {
    Result<size_t> n = fs_.CopyFileRange(me_, from.node, from.handle, static_cast<uint64_t>(step.a + done),
                                         to.node, to.handle, static_cast<uint64_t>(step.b + done),
                                         static_cast<uint64_t>(step.c - done));
    if (!n.ok()) return n.error();
    if (*n == 0) return 0;
    done += static_cast<int64_t>(*n);
  }
  return 0;
}

int EngineClient::OnSlot(const Step& step, std::string* data) {
  Slot& slot = slots_[static_cast<size_t>(step.slot)];
  if (!slot.open) return EBADF;
  switch (step.op) {
    case Op::kClose:
      return Close(&slot);
    case Op::kLinkat: {
      std::string last;
      Result<NodeId> dir = Parent(step.path, &last);
      return dir.ok() ? fs_.Link(me_, slot.node, *dir, Name::Trusted(last)).error() : dir.error();
    }
    case Op::kRead: {
      std::string bytes(static_cast<size_t>(step.b), '\0');
      Result<size_t> n = fs_.Read(slot.node, slot.handle, static_cast<uint64_t>(step.a), bytes);
      if (n.ok()) *data = diff::Digest(bytes.substr(0, *n));
      return n.error();
    }
    case Op::kWrite:
      return Write(slot, step);
    case Op::kCopyRange:
      return CopyRange(slot, step);
    case Op::kFallocate:
      return fs_
          .Fallocate(me_, slot.node, slot.handle, static_cast<uint32_t>(step.c),
                     static_cast<uint64_t>(step.a), static_cast<uint64_t>(step.b))
          .error();
    case Op::kSeek: {
      Result<uint64_t> at =
          fs_.Seek(slot.node, slot.handle, static_cast<uint64_t>(step.a), static_cast<int>(step.b));
      if (at.ok()) *data = std::to_string(*at);
      return at.error();
    }
    case Op::kFsync:
      return slot.dir ? fs_.FsyncDir(slot.node, slot.handle, false).error()
                      : fs_.Fsync(slot.node, slot.handle, false).error();
    case Op::kFsetxattr:
      return fs_.SetXattr(me_, slot.node, step.name, step.value, static_cast<uint32_t>(step.a), false)
          .error();
    default:
      return SetAttributes(slot.node, slot.handle, step);
  }
}

int EngineClient::SetAttributes(NodeId node, Handle handle, const Step& step) {
  SetAttrArgs args;
  const auto time = [](int64_t seconds) { return TimeSpec{seconds, 123456789}; };
  switch (step.op) {
    case Op::kChmod:
    case Op::kFchmod:
      args.mode = static_cast<uint32_t>(step.a);
      break;
    case Op::kChown:
    case Op::kFchown:
      args.uid = static_cast<uint32_t>(step.a);
      args.gid = static_cast<uint32_t>(step.b);
      break;
    case Op::kTruncate:
    case Op::kFtruncate:
      args.size = static_cast<uint64_t>(step.a);
      break;
    default:
      args.atime = time(step.a);
      args.mtime = time(step.b);
      break;
  }
  return fs_.SetAttr(me_, node, handle, args).error();
}

int EngineClient::Chattr(NodeId node, int64_t flags) {
  const uint32_t value = static_cast<uint32_t>(flags);
  const std::string in(reinterpret_cast<const char*>(&value), sizeof value);
  return fs_.Ioctl(me_, node, 0, FS_IOC_SETFLAGS, in, 0).error();
}

int EngineClient::List(NodeId node, std::string* data) {
  Result<Opened> dir = fs_.OpenDir(me_, node, 0);
  if (!dir.ok()) return dir.error();
  std::map<std::string, uint64_t> names;
  Status read = fs_.ReadDir(node, dir->handle, 0, [&](const DirEntry& e) {
    names.emplace(e.name, e.type);
    return true;
  });
  fs_.ReleaseDir(node, dir->handle);
  for (const auto& [name, type] : names) *data += name + ":" + std::to_string(type) + " ";
  return read.error();
}

int EngineClient::OnAttributes(const Act& act, std::string* data) {
  const Step& step = act.step;
  Result<NodeId> node = Walk(step.path);
  if (!node.ok()) return node.error();
  if (act.chattr) return Chattr(*node, step.a);
  const char* const acl = step.c != 0 ? "system.posix_acl_default" : "system.posix_acl_access";
  const auto keep = [data](Result<std::string> got) {
    if (got.ok()) *data = *got;
    return got.error();
  };
  switch (step.op) {
    case Op::kSetxattr:
      return fs_.SetXattr(me_, *node, step.name, step.value, static_cast<uint32_t>(step.a), false).error();
    case Op::kSetAcl: {
      const std::string value =
          diff::AclValue(static_cast<mode_t>(step.a), 1001, static_cast<unsigned>(step.b));
      return fs_.SetXattr(me_, *node, acl, value, 0, false).error();
    }
    case Op::kRemovexattr:
      return fs_.RemoveXattr(me_, *node, step.name).error();
    case Op::kRemoveAcl:
      return fs_.RemoveXattr(me_, *node, acl).error();
    case Op::kGetxattr:
      return keep(fs_.GetXattr(me_, *node, step.name));
    case Op::kListxattr:
      return keep(fs_.ListXattr(me_, *node, 1 << 16));
    case Op::kReadlink:
      return keep(fs_.ReadLink(me_, *node));
    case Op::kReaddir:
      return List(*node, data);
    case Op::kStatfs:
      return fs_.Statfs(*node).error();
    default:
      return SetAttributes(*node, 0, step);
  }
}

diff::Snapshot EngineClient::Look() {
  diff::Snapshot tree;
  LookInto(kRootNode, "", &tree);
  return tree;
}

std::string EngineClient::ReadAll(NodeId node, uint64_t size) {
  Result<Opened> file = fs_.Open(me_, node, O_RDONLY, false);
  if (!file.ok()) return std::string("open: ") + std::strerror(file.error());
  std::string bytes(size + 1, '\0');
  Result<size_t> n = fs_.Read(node, file->handle, 0, bytes);
  fs_.Release(node, file->handle);
  return n.ok() ? diff::Digest(bytes.substr(0, *n)) : std::string("read: ") + std::strerror(n.error());
}

void EngineClient::LookAt(NodeId node, const Attr& attr, diff::Node* seen) {
  struct statx& s = seen->sight.stx;
  s.stx_mode = static_cast<uint16_t>(attr.mode);
  s.stx_uid = attr.uid;
  s.stx_gid = attr.gid;
  s.stx_nlink = attr.nlink;
  s.stx_size = attr.size;
  s.stx_rdev_major = attr.rdev_major;
  s.stx_rdev_minor = attr.rdev_minor;
  s.stx_mtime.tv_sec = attr.mtime.sec;
  if (attr.is_regular()) seen->data = ReadAll(node, attr.size);
  if (attr.type() == S_IFLNK) seen->data = fs_.ReadLink(me_, node).value_or("?");
  Result<std::string> names = fs_.ListXattr(me_, node, 1 << 16);
  if (!names.ok()) seen->xattrs["error"] = std::strerror(names.error());
  for (size_t at = 0; names.ok() && at < names->size();) {
    const std::string name = names->c_str() + at;
    at += name.size() + 1;
    seen->xattrs[name] = fs_.GetXattr(me_, node, name).value_or("?");
  }
}

void EngineClient::LookInto(NodeId dir, const std::string& prefix, diff::Snapshot* tree) {
  diff::Node& self = (*tree)[prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1)];
  Result<Opened> open = fs_.OpenDir(me_, dir, 0);
  std::map<std::string, DirEntry> listed;
  Status read = open.ok()
                    ? fs_.ReadDir(dir, open->handle, 0,
                                  [&](const DirEntry& e) {
                                    if (e.name != "." && e.name != ".." && !listed.emplace(e.name, e).second)
                                      self.data += " listed twice";
                                    return true;
                                  })
                    : open.status();
  if (open.ok()) fs_.ReleaseDir(dir, open->handle);
  if (!read.ok()) self.data += std::string("readdir: ") + std::strerror(read.error());
  for (const auto& [name, listing] : listed) {
    const std::string path = prefix + name;
    diff::Node& node = (*tree)[path];
    node.d_type = static_cast<unsigned char>(listing.type);
    Result<Entry> entry = fs_.Lookup(me_, dir, Name::Trusted(name));
    node.sight.error = entry.ok() && entry->node == 0 ? ENOENT : entry.error();
    if (node.sight.error != 0) continue;
    LookAt(entry->node, entry->attr, &node);
    if (entry->attr.ino != listing.ino) node.xattrs["listed"] = "by another number (D10)";
    if (entry->attr.is_dir()) LookInto(entry->node, path + "/", tree);
  }
}

}  // namespace plyfs::crash
