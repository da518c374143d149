// Encoding of replies: the engine's values as the structures of wire.h.
//
// Pure but for the buffer written to; any thread.  Owners are mapped here and nowhere else on the way out.
#ifndef PLYFS_FUSE_ENCODE_H_
#define PLYFS_FUSE_ENCODE_H_

#include <cstdint>
#include <span>

#include "engine/ops/request.h"
#include "fuse/id_map.h"
#include "fuse/wire.h"

namespace plyfs::fuse {

class Encoder {
 public:
  // timeout_s < 0: the engine's own timeouts; else every entry and all attributes last that long.
  Encoder(IdMaps ids, double timeout_s) : ids_(std::move(ids)), timeout_s_(timeout_s) {}

  const IdMaps& ids() const { return ids_; }

  wire::EntryOut Entry(const plyfs::Entry& entry) const;
  wire::AttrOut Attr(const AttrReply& reply) const;
  wire::StatxOut Statx(const AttrReply& reply) const;
  static wire::OpenOut Open(const Opened& opened);
  static wire::StatFsOut StatFs(const plyfs::StatFs& stat);

 private:
  struct Ttl {
    uint64_t sec;
    uint32_t nsec;
  };
  Ttl TtlOf(uint32_t engine_s) const;
  wire::Attr Bare(const plyfs::Attr& attr) const;

  const IdMaps ids_;
  const double timeout_s_;
};

// Packs the entries of READDIR or READDIRPLUS into a reply of bounded size.
class ListingWriter {
 public:
  explicit ListingWriter(std::span<char> room) : room_(room) {}

  // False, and nothing is written: no room.
  bool Add(const DirEntry& entry);
  bool AddPlus(const DirEntry& entry, const wire::EntryOut& attributes);
  size_t size() const { return used_; }

 private:
  char* Reserve(size_t fixed, size_t name);
  void WriteDirent(char* at, const DirEntry& entry);

  const std::span<char> room_;
  size_t used_ = 0;
};

// Calls visit(nodeid) for each entry of a READDIRPLUS reply that names a node.
template <typename Visit>
void ForEachListedNode(std::span<const char> reply, Visit visit);

// The device number as the kernel's new_encode_dev(include/linux/kdev_t.h) has it.
uint32_t EncodeDevice(uint32_t major, uint32_t minor);

template <typename Visit>
void ForEachListedNode(std::span<const char> reply, Visit visit) {
  for (size_t at = 0; at + sizeof(wire::DirentPlus) <= reply.size();) {
    wire::DirentPlus record;
    __builtin_memcpy(&record, reply.data() + at, sizeof record);
    if (record.entry.nodeid != 0) visit(record.entry.nodeid);
    at += wire::AlignRecord(sizeof record + record.dirent.namelen);
  }
}

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_ENCODE_H_
