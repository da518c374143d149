// IdMap: owners as they stand on disk and as the client sees them (uidmapping=, squash_to_uid=).
//
// A value, constant once the session runs; any thread.  There is one for users and one for groups.
#ifndef PLYFS_FUSE_ID_MAP_H_
#define PLYFS_FUSE_ID_MAP_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"

namespace plyfs::fuse {

// `length` ids from `disk` on are shown as those from `seen` on.
struct IdRange {
  uint32_t disk = 0;
  uint32_t seen = 0;
  uint32_t length = 0;
};

class IdMap {
 public:
  static constexpr uint32_t kOverflow = 65534;

  // No ranges: identity.  squash < 0: none; else every owner is shown as that id.
  IdMap() = default;
  IdMap(std::vector<IdRange> ranges, int64_t squash) : ranges_(std::move(ranges)), squash_(squash) {}

  bool identity() const { return ranges_.empty() && !squashes(); }
  bool squashes() const { return squash_ >= 0; }

  // What stat shows: kOverflow for an id outside all ranges.
  uint32_t Seen(uint32_t disk) const;
  // What chown stores: EINVAL for an id outside all ranges, as in a user namespace.
  Result<uint32_t> Disk(uint32_t seen) const;
  // The owner of what a caller makes: kOverflow outside all ranges, since container tools running as the
  // host's root make mountpoints inside mapped mounts and chown afterwards (drop-in.md 1.2).
  uint32_t Maker(uint32_t seen) const;

 private:
  std::vector<IdRange> ranges_;
  int64_t squash_ = -1;
};

struct IdMaps {
  IdMap uid, gid;

  bool identity() const { return uid.identity() && gid.identity(); }
};

// Rewrites the named users and groups of a system.posix_acl_* value in place.  Values that are no ACL of
// version 2 are left alone: the layer's filesystem refuses or made them.
void ShowAcl(const IdMaps& maps, std::span<char> acl);
// EINVAL when an id has no counterpart on disk.
Status StoreAcl(const IdMaps& maps, std::span<char> acl);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_ID_MAP_H_
