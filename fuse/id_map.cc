#include "fuse/id_map.h"

#include <cstring>

namespace plyfs::fuse {
namespace {

// include/uapi/linux/posix_acl_xattr.h
struct AclEntry {
  uint16_t tag, perm;
  uint32_t id;
};
constexpr uint32_t kAclVersion = 2;
constexpr uint16_t kAclUser = 0x02, kAclGroup = 0x08;

// Calls change(map, id) for each entry that names someone.
template <typename Change>
Status ForEachNamed(const IdMaps& maps, std::span<char> acl, Change change) {
  uint32_t version = 0;
  if (acl.size() < sizeof version) return OkStatus();
  std::memcpy(&version, acl.data(), sizeof version);
  if (version != kAclVersion || (acl.size() - sizeof version) % sizeof(AclEntry) != 0) return OkStatus();
  for (size_t at = sizeof version; at < acl.size(); at += sizeof(AclEntry)) {
    AclEntry entry;
    std::memcpy(&entry, acl.data() + at, sizeof entry);
    if (entry.tag != kAclUser && entry.tag != kAclGroup) continue;
    PLY_CHECK(change(entry.tag == kAclUser ? maps.uid : maps.gid, &entry.id));
    std::memcpy(acl.data() + at, &entry, sizeof entry);
  }
  return OkStatus();
}

}  // namespace

uint32_t IdMap::Seen(uint32_t disk) const {
  if (squashes()) return static_cast<uint32_t>(squash_);
  if (ranges_.empty()) return disk;
  for (const IdRange& range : ranges_) {
    if (disk >= range.disk && disk - range.disk < range.length) return range.seen + (disk - range.disk);
  }
  return kOverflow;
}

Result<uint32_t> IdMap::Disk(uint32_t seen) const {
  if (ranges_.empty()) return seen;
  for (const IdRange& range : ranges_) {
    if (seen >= range.seen && seen - range.seen < range.length) return range.disk + (seen - range.seen);
  }
  return Errno(EINVAL);
}

uint32_t IdMap::Maker(uint32_t seen) const {
  return Disk(seen).value_or(kOverflow);
}

void ShowAcl(const IdMaps& maps, std::span<char> acl) {
  (void)ForEachNamed(maps, acl, [](const IdMap& map, uint32_t* id) {
    *id = map.Seen(*id);
    return OkStatus();
  });
}

Status StoreAcl(const IdMaps& maps, std::span<char> acl) {
  return ForEachNamed(maps, acl, [](const IdMap& map, uint32_t* id) -> Status {
    PLY_TRY(*id, map.Disk(*id));
    return OkStatus();
  });
}

}  // namespace plyfs::fuse
