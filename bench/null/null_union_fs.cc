// An engine that knows nothing: each answer is a constant of the request.  What stands here takes the place
// of engine/union_fs in fuse_null (the linker keeps the first definition), so that what is measured is our
// decoder and transport alone.  Members that are missing are the real ones, which no benchmark calls here.
#include <string>
#include <vector>

#include "bench/null/null_tree.h"
#include "engine/ops/parts.h"
#include "engine/union_fs/union_fs.h"

namespace plyfs {

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

std::vector<std::pair<NodeId, std::string>> UnionFs::NamesTold(NodeId) const {
  return {};
}

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

Result<std::string> UnionFs::GetXattr(const Caller&, NodeId, std::string_view) {
  return Errno(ENODATA);
}
// For the log of slow requests.
Whereabouts UnionFs::Describe(NodeId, LayerId) {
  return {};
}

}  // namespace plyfs
