#include "fuzz/fake_union_fs.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "engine/union_fs/union_fs.h"
#include "fuzz/input.h"

namespace plyfs {

struct Parts {};

namespace {

using fuzz::FakeFs;
using fuzz::Require;

constexpr size_t kNodes = 50, kHandles = 20;

FakeFs& Fake() {
  return FakeFs::Get();
}

Status Asked() {
  ++Fake().calls;
  Fake().while_executing();
  const uint8_t answer = Fake().answer;
  return answer == 0 || answer > FakeFs::kLastErrno ? OkStatus() : Status(Errno(answer));
}

void See(std::string_view bytes) {
  for (const char c : bytes) Fake().bytes_seen += static_cast<unsigned char>(c);
}

void SeeName(Name name) {
  Require(Name::Parse(name.bytes()).ok());
  See(name.bytes());
}

void SeeCaller(const Caller& caller) {
  Require((caller.umask & ~0777u) == 0);
  Fake().bytes_seen += caller.uid + caller.gid + caller.supplementary_gid.value_or(0);
}

// Numbers that differ from call to call.
Attr SomeAttr() {
  Attr attr;
  const uint64_t call = Fake().calls;
  attr.ino = call;
  attr.size = attr.blocks = call << 40;
  attr.mode = S_IFREG | 0644;
  attr.atime = attr.mtime = attr.ctime = {-static_cast<int64_t>(call), 999999999};
  if (call % 2 == 0) attr.btime = attr.atime;
  attr.uid = attr.gid = static_cast<uint32_t>(call * 500);
  attr.rdev_major = attr.rdev_minor = static_cast<uint32_t>(call);
  return attr;
}

Entry SomeEntry() {
  Entry entry;
  entry.node = 2 + Fake().calls % kNodes;
  entry.attr = SomeAttr();
  entry.entry_ttl_s = entry.attr_ttl_s = ~0u;
  ++Fake().lookups[entry.node];
  return entry;
}

Opened SomeOpened() {
  Opened opened;
  opened.handle = 1 + Fake().calls % kHandles;
  opened.keep_cache = opened.cache_dir = opened.direct_io = Fake().calls % 2 == 0;
  ++Fake().opens[opened.handle];
  return opened;
}

Result<Entry> Made(const Caller& caller, Name name) {
  SeeCaller(caller);
  SeeName(name);
  PLY_CHECK(Asked());
  return SomeEntry();
}

// Of growing length, as many as make up the size.
template <typename Add>
Status List(Cookie from, const Add& add) {
  PLY_CHECK(Asked());
  std::string name;
  for (size_t at = from; at < Fake().size / 64 && at < 300; ++at) {
    name.assign(1 + at % 255, 'n');
    if (!add(DirEntry{name, at + 1, DT_REG, at + 1})) break;
  }
  return OkStatus();
}

}  // namespace

FakeFs& fuzz::FakeFs::Get() {
  static auto* const kFake = new FakeFs;
  return *kFake;
}

UnionFs::UnionFs(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
UnionFs::~UnionFs() = default;

Result<std::unique_ptr<UnionFs>> UnionFs::Open(const StackConfig&, std::string*) {
  return std::unique_ptr<UnionFs>(new UnionFs(std::make_unique<Parts>()));
}

Result<Entry> UnionFs::Lookup(const Caller& caller, NodeId, Name name) {
  if (Fake().answer != FakeFs::kAbsent) return Made(caller, name);
  SeeName(name);
  return Entry{.node = 0, .attr = SomeAttr(), .entry_ttl_s = 1, .attr_ttl_s = 0};
}

void UnionFs::Forget(NodeId node, uint64_t count) {
  Fake().lookups[node] -= count;
}

Result<AttrReply> UnionFs::GetAttr(const Caller& caller, NodeId, Handle) {
  SeeCaller(caller);
  PLY_CHECK(Asked());
  return AttrReply{SomeAttr(), 1};
}

Result<AttrReply> UnionFs::SetAttr(const Caller& caller, NodeId, Handle, const SetAttrArgs& args) {
  SeeCaller(caller);
  Require((args.mode.value_or(0) & ~07777u) == 0);
  Require(!(args.atime_now && args.atime) && !(args.mtime_now && args.mtime));
  // Who may not store owners, as a layer's filesystem says it.
  if ((args.uid || args.gid) && Fake().answer == 200) return Errno(EPERM);
  PLY_CHECK(Asked());
  return AttrReply{SomeAttr(), 1};
}

Result<std::string> UnionFs::ReadLink(const Caller&, NodeId) {
  PLY_CHECK(Asked());
  return std::string(Fake().size % 5000, 't');
}

Result<Entry> UnionFs::MakeNode(const Caller& caller, NodeId, Name name, uint32_t, uint64_t) {
  return Made(caller, name);
}
Result<Entry> UnionFs::MakeDir(const Caller& caller, NodeId, Name name, uint32_t) {
  return Made(caller, name);
}
Result<Entry> UnionFs::Symlink(const Caller& caller, NodeId, Name name, std::string_view target) {
  Require(target.find('\0') == target.npos);
  See(target);
  return Made(caller, name);
}
Result<Entry> UnionFs::Link(const Caller& caller, NodeId, NodeId, Name name) {
  return Made(caller, name);
}
Status UnionFs::Unlink(const Caller&, NodeId, Name name) {
  SeeName(name);
  return Asked();
}
Status UnionFs::RemoveDir(const Caller&, NodeId, Name name) {
  SeeName(name);
  return Asked();
}
Status UnionFs::Rename(const Caller&, NodeId, Name name, NodeId, Name new_name, uint32_t) {
  SeeName(name);
  SeeName(new_name);
  return Asked();
}

Result<Opened> UnionFs::Open(const Caller& caller, NodeId, uint32_t, bool) {
  SeeCaller(caller);
  PLY_CHECK(Asked());
  return SomeOpened();
}
Result<Created> UnionFs::Create(const Caller& caller, NodeId, Name name, uint32_t, uint32_t) {
  PLY_TRY(const Entry entry, Made(caller, name));
  return Created{entry, SomeOpened()};
}
Result<Created> UnionFs::TmpFile(const Caller& caller, NodeId, uint32_t, uint32_t) {
  return Create(caller, 0, Name::Trusted("t"), 0, 0);
}
Result<size_t> UnionFs::Read(NodeId, Handle, uint64_t, std::span<char> out) {
  PLY_CHECK(Asked());
  const size_t size = std::min(out.size(), Fake().size);
  std::fill_n(out.begin(), size, 'r');
  return size;
}
Result<size_t> UnionFs::Write(const Caller& caller, NodeId, Handle, uint64_t, std::span<const char> data,
                              const WriteFlags&) {
  SeeCaller(caller);
  See({data.data(), data.size()});
  PLY_CHECK(Asked());
  return data.size();
}
Status UnionFs::Fsync(NodeId, Handle, bool) {
  return Asked();
}
void UnionFs::Release(NodeId, Handle handle) {
  --Fake().opens[handle];
}
Status UnionFs::Fallocate(const Caller&, NodeId, Handle, uint32_t, uint64_t, uint64_t) {
  return Asked();
}
Result<uint64_t> UnionFs::Seek(NodeId, Handle, uint64_t offset, int) {
  PLY_CHECK(Asked());
  return offset;
}
Result<size_t> UnionFs::CopyFileRange(const Caller&, NodeId, Handle, uint64_t, NodeId, Handle, uint64_t,
                                      uint64_t length) {
  PLY_CHECK(Asked());
  return length;
}

Result<Opened> UnionFs::OpenDir(const Caller& caller, NodeId, uint32_t) {
  SeeCaller(caller);
  PLY_CHECK(Asked());
  return SomeOpened();
}
Status UnionFs::ReadDir(NodeId, Handle, Cookie from, const DirSink& sink) {
  return List(from, sink);
}
Status UnionFs::ReadDirPlus(const Caller&, NodeId, Handle, Cookie from, const DirPlusSink& sink) {
  PLY_CHECK(List(from, [&](const DirEntry& entry) {
    if (entry.next % 3 == 0) return sink(entry, Entry());
    const NodeId node = 2 + entry.next % kNodes;
    const bool taken =
        sink(entry, Entry{.node = node, .attr = SomeAttr(), .entry_ttl_s = 1, .attr_ttl_s = 0});
    if (taken) ++Fake().lookups[node];
    return taken;
  }));
  // A layer that fails half-way.
  return Fake().answer == 200 ? Status(Errno(EIO)) : OkStatus();
}
Status UnionFs::FsyncDir(NodeId, Handle, bool) {
  return Asked();
}
void UnionFs::ReleaseDir(NodeId, Handle handle) {
  --Fake().opens[handle];
}

Result<std::string> UnionFs::GetXattr(const Caller&, NodeId, std::string_view name) {
  See(name);
  PLY_CHECK(Asked());
  std::string value(Fake().size, '\0');
  if (!value.empty()) value[0] = 2;  // an ACL of that version, if it is of its length
  return value;
}
Result<std::string> UnionFs::ListXattr(const Caller&, NodeId, size_t) {
  PLY_CHECK(Asked());
  return std::string(Fake().size, 'x');
}
Status UnionFs::SetXattr(const Caller& caller, NodeId, std::string_view name, std::string_view value,
                         uint32_t, bool) {
  SeeCaller(caller);
  Require(name.find('\0') == name.npos);
  See(name);
  See(value);
  return Asked();
}
Status UnionFs::RemoveXattr(const Caller&, NodeId, std::string_view name) {
  See(name);
  return Asked();
}

Result<StatFs> UnionFs::Statfs(NodeId) {
  PLY_CHECK(Asked());
  return StatFs{};
}
Result<std::string> UnionFs::Ioctl(const Caller&, NodeId, Handle, uint32_t, std::string_view in, size_t) {
  See(in);
  PLY_CHECK(Asked());
  return std::string(Fake().size, 'i');
}
std::vector<Stat> UnionFs::Stats() {
  return {{"calls", Fake().calls}};
}

}  // namespace plyfs
