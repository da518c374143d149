#include "fuse/encode.h"

#include <sys/stat.h>

#include <cstring>

namespace plyfs::fuse {

uint32_t EncodeDevice(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

Encoder::Ttl Encoder::TtlOf(uint32_t engine_s) const {
  if (timeout_s_ < 0) return {engine_s, 0};
  // fs/fuse/dir.c:fuse_time_to_jiffies takes any u64 of seconds; far beyond that double loses its meaning.
  constexpr double kForever = 1e15;
  if (timeout_s_ >= kForever) return {static_cast<uint64_t>(kForever), 0};
  const auto sec = static_cast<uint64_t>(timeout_s_);
  return {sec, static_cast<uint32_t>((timeout_s_ - static_cast<double>(sec)) * 1e9)};
}

wire::Attr Encoder::Bare(const plyfs::Attr& attr) const {
  wire::Attr out{};
  out.ino = attr.ino;
  out.size = attr.size;
  out.blocks = attr.blocks;
  // Seconds before 1970 travel as two's complement; the kernel casts back (fs/fuse/inode.c).
  out.atime = static_cast<uint64_t>(attr.atime.sec);
  out.mtime = static_cast<uint64_t>(attr.mtime.sec);
  out.ctime = static_cast<uint64_t>(attr.ctime.sec);
  out.atimensec = attr.atime.nsec;
  out.mtimensec = attr.mtime.nsec;
  out.ctimensec = attr.ctime.nsec;
  out.mode = attr.mode;
  out.nlink = attr.nlink;
  out.uid = ids_.uid.Seen(attr.uid);
  out.gid = ids_.gid.Seen(attr.gid);
  out.rdev = EncodeDevice(attr.rdev_major, attr.rdev_minor);
  out.blksize = attr.blksize;
  return out;
}

wire::EntryOut Encoder::Entry(const plyfs::Entry& entry) const {
  wire::EntryOut out{};
  const Ttl entry_ttl = TtlOf(entry.entry_ttl_s);
  out.entry_valid = entry_ttl.sec;
  out.entry_valid_nsec = entry_ttl.nsec;
  out.nodeid = entry.node;  // holds its generation and is never reused, so `generation` stays 0
  if (entry.node == 0) return out;
  const Ttl attr_ttl = TtlOf(entry.attr_ttl_s);
  out.attr_valid = attr_ttl.sec;
  out.attr_valid_nsec = attr_ttl.nsec;
  out.attr = Bare(entry.attr);
  return out;
}

wire::AttrOut Encoder::Attr(const AttrReply& reply) const {
  wire::AttrOut out{};
  const Ttl ttl = TtlOf(reply.ttl_s);
  out.attr_valid = ttl.sec;
  out.attr_valid_nsec = ttl.nsec;
  out.attr = Bare(reply.attr);
  return out;
}

wire::StatxOut Encoder::Statx(const AttrReply& reply) const {
  const auto time = [](const TimeSpec& t) { return wire::StatxTime{t.sec, t.nsec, 0}; };
  const plyfs::Attr& attr = reply.attr;
  wire::StatxOut out{};
  const Ttl ttl = TtlOf(reply.ttl_s);
  out.attr_valid = ttl.sec;
  out.attr_valid_nsec = ttl.nsec;
  wire::Statx& stat = out.stat;
  stat.mask = STATX_BASIC_STATS;
  stat.blksize = attr.blksize;
  stat.nlink = attr.nlink;
  stat.uid = ids_.uid.Seen(attr.uid);
  stat.gid = ids_.gid.Seen(attr.gid);
  stat.mode = static_cast<uint16_t>(attr.mode);
  stat.ino = attr.ino;
  stat.size = attr.size;
  stat.blocks = attr.blocks;
  stat.atime = time(attr.atime);
  stat.ctime = time(attr.ctime);
  stat.mtime = time(attr.mtime);
  if (!(attr.btime == TimeSpec{})) {  // a layer without birth times (F23)
    stat.mask |= STATX_BTIME;
    stat.btime = time(attr.btime);
  }
  stat.rdev_major = attr.rdev_major;
  stat.rdev_minor = attr.rdev_minor;
  return out;
}

wire::OpenOut Encoder::Open(const Opened& opened) {
  wire::OpenOut out{};
  out.fh = opened.handle;
  if (opened.keep_cache) out.open_flags |= wire::kOpenKeepCache;
  if (opened.cache_dir) out.open_flags |= wire::kOpenCacheDir;
  if (opened.direct_io) out.open_flags |= wire::kOpenDirectIo;
  return out;
}

wire::StatFsOut Encoder::StatFs(const plyfs::StatFs& stat) {
  wire::StatFsOut out{};
  out.blocks = stat.blocks;
  out.bfree = stat.bfree;
  out.bavail = stat.bavail;
  out.files = stat.files;
  out.ffree = stat.ffree;
  out.bsize = stat.bsize;
  out.frsize = stat.frsize;
  out.namelen = stat.namelen;
  return out;
}

char* ListingWriter::Reserve(size_t fixed, size_t name) {
  const size_t size = wire::AlignRecord(fixed + name);
  if (size > room_.size() - used_) return nullptr;
  char* at = room_.data() + used_;
  // The buffer held other replies before: nothing of them may leak out through the padding.
  std::memset(at + fixed + name, 0, size - fixed - name);
  used_ += size;
  return at;
}

void ListingWriter::WriteDirent(char* at, const DirEntry& entry) {
  const wire::Dirent dirent{entry.ino, entry.next, static_cast<uint32_t>(entry.name.size()), entry.type};
  std::memcpy(at, &dirent, sizeof dirent);
  std::memcpy(at + sizeof dirent, entry.name.data(), entry.name.size());
}

bool ListingWriter::Add(const DirEntry& entry) {
  char* at = Reserve(sizeof(wire::Dirent), entry.name.size());
  if (at == nullptr) return false;
  WriteDirent(at, entry);
  return true;
}

bool ListingWriter::AddPlus(const DirEntry& entry, const wire::EntryOut& attributes) {
  char* at = Reserve(sizeof(wire::DirentPlus), entry.name.size());
  if (at == nullptr) return false;
  std::memcpy(at, &attributes, sizeof attributes);
  WriteDirent(at + sizeof attributes, entry);
  return true;
}

}  // namespace plyfs::fuse
