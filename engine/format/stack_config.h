// StackConfig: which layers to stack and by which rules, after the option string was parsed and checked.
//
// Made by format/mount_options (text) and completed by tools/plyfs (paths made absolute or opened); read by
// layer and ops.  A value, constant once the mount is live.
#ifndef PLYFS_ENGINE_FORMAT_STACK_CONFIG_H_
#define PLYFS_ENGINE_FORMAT_STACK_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace plyfs {

// semantics M, table of options.
enum class RedirectDir { kOff, kFollow, kNoFollow, kOn };
enum class FsyncPolicy { kAuto, kStrict, kVolatile };  // C14
enum class UuidMode { kAuto, kOn, kNull, kOff };       // M27
enum class XinoMode { kOff, kAuto, kOn };              // S3; numbers are always stable and unique (S4)
enum class LowerMode { kWatch, kFrozen };              // U2
// Whether a name is looked up in its directory's merged listing: once that pays, from the first name on, or
// never.
enum class MergeIndex { kAuto, kOn, kOff };
// Whether other tools' whiteouts are read (O5); tools/plyfs settles kAuto.
enum class OtherWhiteouts { kAuto, kOn, kOff };

struct StackConfig {
  std::string upperdir;                // empty: a read-only mount
  std::string workdir;                 // set if and only if upperdir is
  std::vector<std::string> lowerdirs;  // topmost first
  std::vector<std::string> datadirs;   // data-only layers (L20), first searched first

  RedirectDir redirect_dir = RedirectDir::kFollow;  // the kernel's "off" is already resolved to kFollow
  bool metacopy = false;                            // follow metacopy records (only without an upper)
  bool userxattr = false;                           // user.overlay.* instead of trusted.overlay.*
  // N6: a mkdir in a merged directory is made opaque only if one of redirect_dir=on, index, metacopy,
  // xino=on|auto was set.
  bool opaque_mkdir = false;
  FsyncPolicy fsync = FsyncPolicy::kAuto;
  // fsync=0 of fuse-overlayfs: fsync answers success without syncing, but no volatile marker.
  bool no_fsync_requests = false;
  UuidMode uuid = UuidMode::kAuto;
  XinoMode xino = XinoMode::kOff;
  LowerMode lower = LowerMode::kWatch;
  OtherWhiteouts other_whiteouts = OtherWhiteouts::kAuto;
  bool read_only = false;     // `ro`: an upper, if any, is only read
  bool noxattrs = false;      // xattr calls answered EOPNOTSUPP
  bool static_nlink = false;  // directories always show 1 link
  bool use_io_uring = true;
  MergeIndex merge_index = MergeIndex::kAuto;
  uint64_t memory_bytes = uint64_t{512} << 20;  // for merged listings
  std::string index_dir;                        // where the layers' indices are; empty: none are used

  bool has_upper() const { return !upperdir.empty(); }
  bool reads_other_whiteouts() const { return other_whiteouts == OtherWhiteouts::kOn; }
  bool writable() const { return has_upper() && !read_only; }
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_STACK_CONFIG_H_
