// An engine that knows nothing: each answer is a constant of the request.  Linked into fuse_null in the place
// of engine/union_fs, so that what is measured is our decoder and transport alone.  All members must stand
// here: a missing one would draw in the real engine, and the linker then finds the others twice.
#include <string>
#include <vector>

#include "bench/null/null_tree.h"
#include "engine/union_fs/union_fs.h"

namespace plyfs {

struct Parts {};

namespace {

constexpr unsigned kRegular = 8;  // DT_REG

Attr AttrOf(NodeId node) {
  Attr attr;
  attr.ino = node;
  attr.mode = bench::ModeOf(node);
  attr.nlink = 1;
  attr.blksize = 4096;
  return attr;
}

Entry EntryOf(NodeId node) {
  Entry entry;
  entry.node = node;
  if (node != 0) entry.attr = AttrOf(node);
  entry.entry_ttl_s = entry.attr_ttl_s = bench::kTtlSeconds;
  return entry;
}

Opened OpenedFile() {
  Opened opened;
  opened.keep_cache = true;
  return opened;
}

// Made once: formatting names is no part of what is measured.
const std::vector<std::string>& Listed() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (int i = 0; i < static_cast<int>(bench::kListedLarge); ++i) made.push_back(bench::ListedName(i));
    return made;
  }();
  return names;
}

DirEntry Listed(Cookie at) {
  return {Listed()[at], bench::kFileNode, kRegular, at + 1};
}

}  // namespace

UnionFs::UnionFs(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
UnionFs::~UnionFs() = default;
Result<std::unique_ptr<UnionFs>> UnionFs::Open(const StackConfig&, std::string*) {
  return std::unique_ptr<UnionFs>(new UnionFs(nullptr));
}
void UnionFs::SetInvalidator(Invalidator*) {}
void UnionFs::Close() {}

Result<Entry> UnionFs::Lookup(const Caller&, NodeId, Name name) {
  return EntryOf(bench::NodeOf(name.bytes()));
}
void UnionFs::Forget(NodeId, uint64_t) {}
Result<AttrReply> UnionFs::GetAttr(const Caller&, NodeId node, Handle) {
  return AttrReply{AttrOf(node), bench::kTtlSeconds};
}
Result<AttrReply> UnionFs::SetAttr(const Caller&, NodeId node, Handle, const SetAttrArgs&) {
  return AttrReply{AttrOf(node), bench::kTtlSeconds};
}

Result<Opened> UnionFs::Open(const Caller&, NodeId, uint32_t, bool) {
  return OpenedFile();
}
Result<Created> UnionFs::Create(const Caller&, NodeId, Name, uint32_t, uint32_t) {
  return Created{EntryOf(bench::kMadeNode), OpenedFile()};
}
Result<size_t> UnionFs::Read(NodeId, Handle, uint64_t, std::span<char>) {
  return size_t{0};
}
Result<size_t> UnionFs::Write(const Caller&, NodeId, Handle, uint64_t, std::span<const char> data,
                              const WriteFlags&) {
  return data.size();
}
Status UnionFs::Flush(NodeId, Handle) {
  return OkStatus();
}
void UnionFs::Release(NodeId, Handle) {}
Status UnionFs::Unlink(const Caller&, NodeId, Name) {
  return OkStatus();
}

Result<Opened> UnionFs::OpenDir(const Caller&, NodeId, uint32_t) {
  Opened opened;
  opened.keep_cache = opened.cache_dir = true;
  return opened;
}
Status UnionFs::ReadDir(NodeId node, Handle, Cookie from, const DirSink& sink) {
  for (Cookie at = from; at < bench::ListedIn(node) && sink(Listed(at)); ++at) {
  }
  return OkStatus();
}
Status UnionFs::ReadDirPlus(const Caller&, NodeId node, Handle, Cookie from, const DirPlusSink& sink) {
  for (Cookie at = from; at < bench::ListedIn(node) && sink(Listed(at), EntryOf(bench::kFileNode)); ++at) {
  }
  return OkStatus();
}
void UnionFs::ReleaseDir(NodeId, Handle) {}
Result<StatFs> UnionFs::Statfs(NodeId) {
  return StatFs{};
}

// What the benchmarks never ask for.
Result<std::string> UnionFs::ReadLink(const Caller&, NodeId) {
  return Errno(EINVAL);
}
Result<Entry> UnionFs::MakeNode(const Caller&, NodeId, Name, uint32_t, uint64_t) {
  return Errno(EPERM);
}
Result<Entry> UnionFs::MakeDir(const Caller&, NodeId, Name, uint32_t) {
  return Errno(EPERM);
}
Result<Entry> UnionFs::Symlink(const Caller&, NodeId, Name, std::string_view) {
  return Errno(EPERM);
}
Result<Entry> UnionFs::Link(const Caller&, NodeId, NodeId, Name) {
  return Errno(EPERM);
}
Status UnionFs::RemoveDir(const Caller&, NodeId, Name) {
  return Errno(EPERM);
}
Status UnionFs::Rename(const Caller&, NodeId, Name, NodeId, Name, uint32_t) {
  return Errno(EPERM);
}
Result<Created> UnionFs::TmpFile(const Caller&, NodeId, uint32_t, uint32_t) {
  return Errno(EPERM);
}
Status UnionFs::Fsync(NodeId, Handle, bool) {
  return OkStatus();
}
Status UnionFs::FsyncDir(NodeId, Handle, bool) {
  return OkStatus();
}
Status UnionFs::Fallocate(const Caller&, NodeId, Handle, uint32_t, uint64_t, uint64_t) {
  return Errno(EOPNOTSUPP);
}
Result<uint64_t> UnionFs::Seek(NodeId, Handle, uint64_t, int) {
  return Errno(ENXIO);
}
Result<size_t> UnionFs::CopyFileRange(const Caller&, NodeId, Handle, uint64_t, NodeId, Handle, uint64_t,
                                      uint64_t) {
  return Errno(EOPNOTSUPP);
}
Result<std::string> UnionFs::GetXattr(const Caller&, NodeId, std::string_view) {
  return Errno(ENODATA);
}
Result<std::string> UnionFs::ListXattr(const Caller&, NodeId) {
  return std::string();
}
Status UnionFs::SetXattr(const Caller&, NodeId, std::string_view, std::string_view, uint32_t, bool) {
  return Errno(EOPNOTSUPP);
}
Status UnionFs::RemoveXattr(const Caller&, NodeId, std::string_view) {
  return Errno(ENODATA);
}
Result<std::string> UnionFs::Ioctl(const Caller&, NodeId, Handle, uint32_t, std::string_view, size_t) {
  return Errno(ENOTTY);
}

}  // namespace plyfs
