// What goes into an operation and what comes out: plain values shared by ops, union_fs and fuse.
#ifndef PLYFS_ENGINE_OPS_REQUEST_H_
#define PLYFS_ENGINE_OPS_REQUEST_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "engine/base/ids.h"
#include "engine/format/attr.h"

namespace plyfs {

// Who asks.  uid and gid are the caller's fsuid and fsgid; pid is 0 for one outside our pid namespace.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  mode_t umask = 0;  // for operations that make an object; applied only without a default ACL (F24)
  // The parent's gid, where it is one of the caller's supplementary groups (FUSE_CREATE_SUPP_GROUP).
  std::optional<gid_t> supplementary_gid;
};

// The answer to a lookup or a creation.
struct Entry {
  NodeId node = 0;  // 0: the name is known to be absent (to be cached for entry_ttl)
  Attr attr;
  uint32_t entry_ttl_s = 0;  // seconds that the client may keep the name
  uint32_t attr_ttl_s = 0;   // seconds that it may keep the attributes
};

struct AttrReply {
  Attr attr;
  uint32_t ttl_s = 0;
};

struct SetAttrArgs {
  std::optional<uint32_t> mode;  // permission bits; the type is ignored
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<uint64_t> size;
  std::optional<TimeSpec> atime;
  std::optional<TimeSpec> mtime;
  std::optional<TimeSpec> ctime;
  bool atime_now = false;
  bool mtime_now = false;
  bool kill_suidgid = false;  // FATTR_KILL_SUIDGID
};

struct Opened {
  Handle handle = 0;
  bool keep_cache = false;  // the client's cached pages of the object are still true
  bool cache_dir = false;   // the client may cache the listing
  bool direct_io = false;
};

struct Created {
  Entry entry;
  Opened opened;
};

struct WriteFlags {
  uint32_t open_flags = 0;    // of the client's descriptor; O_APPEND, O_DIRECT, O_SYNC, O_DSYNC count
  bool kill_suidgid = false;  // FUSE_WRITE_KILL_SUIDGID
  bool from_cache = false;    // FUSE_WRITE_CACHE: delayed write of a page, caller unknown
};

struct DirEntry {
  std::string_view name;
  uint64_t ino = 0;
  uint32_t type = 0;  // DT_*
  Cookie next = 0;    // the cookie after this entry
};

// False: the entry did not fit and is to be delivered again next time.
using DirSink = std::function<bool(const DirEntry&)>;
// entry.node 0 with attr.mode 0: name only.
using DirPlusSink = std::function<bool(const DirEntry&, const Entry&)>;

struct StatFs {
  uint64_t blocks = 0, bfree = 0, bavail = 0;  // of frsize
  uint64_t files = 0, ffree = 0;
  uint32_t bsize = 0, frsize = 0, namelen = 0;
};

// The client's kernel caches, as the engine sees them.  Implemented in fuse; calls only post, never block,
// and may be made from any thread with any lock held.
class Invalidator {
 public:
  virtual ~Invalidator() = default;
  // The name may mean something else now.
  virtual void InvalidateEntry(NodeId parent, std::string_view name) = 0;
  // Attributes (and cached ACLs) of the node have changed; its data has not.  Done when it returns, so that
  // who sees the operation's reply sees the change; the kernel takes no lock for it that a request could hold
  // (fs/fuse/inode.c:fuse_reverse_inval_inode with a negative offset).
  virtual void InvalidateAttr(NodeId node) = 0;
  // Data, attributes or, for a directory, the cached listing have changed.
  virtual void InvalidateData(NodeId node) = 0;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_REQUEST_H_
