// The FUSE protocol, version 7.45, as plyfs speaks it: our own declarations of the kernel's ABI.
//
// Facts from include/uapi/linux/fuse.h of Linux 6.18; wire_test.cc compares what an older installed header
// has, wire.cc pins every size.  All numbers are in host byte order.  Layout only: nothing here may be
// trusted before decode.h has checked its length.
#ifndef PLYFS_FUSE_WIRE_H_
#define PLYFS_FUSE_WIRE_H_

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace plyfs::fuse::wire {

inline constexpr uint32_t kMajor = 7, kMinor = 45;
inline constexpr size_t kRecordAlign = sizeof(uint64_t);

constexpr size_t AlignRecord(size_t size) {
  return (size + kRecordAlign - 1) & ~(kRecordAlign - 1);
}

enum Opcode : uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetAttr = 3,
  kSetAttr = 4,
  kReadLink = 5,
  kSymlink = 6,
  kMkNod = 8,
  kMkDir = 9,
  kUnlink = 10,
  kRmDir = 11,
  kRename = 12,
  kLink = 13,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatFs = 17,
  kRelease = 18,
  kFsync = 20,
  kSetXattr = 21,
  kGetXattr = 22,
  kListXattr = 23,
  kRemoveXattr = 24,
  kFlush = 25,
  kInit = 26,
  kOpenDir = 27,
  kReadDir = 28,
  kReleaseDir = 29,
  kFsyncDir = 30,
  kGetLk = 31,
  kSetLk = 32,
  kSetLkW = 33,
  kAccess = 34,
  kCreate = 35,
  kInterrupt = 36,
  kBmap = 37,
  kDestroy = 38,
  kIoctl = 39,
  kPoll = 40,
  kBatchForget = 42,
  kFallocate = 43,
  kReadDirPlus = 44,
  kRename2 = 45,
  kLseek = 46,
  kCopyFileRange = 47,
  kSyncFs = 50,
  kTmpFile = 51,
  kStatx = 52,
  kCopyFileRange64 = 53,
  kOpcodeCount = 54,
};

// InitIn and InitOut: bits 0-31 in flags, 32-63 in flags2 (only with kInitExt).  The ones that plyfs knows
// what to do with: a flag that stands here is asked for (init.cc).
enum InitFlag : uint64_t {
  kAsyncRead = 1ull << 0,
  kAtomicOTrunc = 1ull << 3,
  kBigWrites = 1ull << 5,
  kDontMask = 1ull << 6,
  kHasIoctlDir = 1ull << 11,
  kDoReadDirPlus = 1ull << 13,
  kReadDirPlusAuto = 1ull << 14,
  kAsyncDio = 1ull << 15,
  kParallelDirOps = 1ull << 18,
  kPosixAcl = 1ull << 20,
  kMaxPages = 1ull << 22,
  kCacheSymlinks = 1ull << 23,
  kExplicitInvalData = 1ull << 25,
  kHandleKillPrivV2 = 1ull << 28,
  kSetXattrExt = 1ull << 29,
  kInitExt = 1ull << 30,
  kCreateSuppGroup = 1ull << 34,
  kHasExpireOnly = 1ull << 35,
  kDirectIoAllowMmap = 1ull << 36,
  kNoExportSupport = 1ull << 38,
  kHasResend = 1ull << 39,
};

enum SetAttrValid : uint32_t {
  kSetMode = 1u << 0,
  kSetUid = 1u << 1,
  kSetGid = 1u << 2,
  kSetSize = 1u << 3,
  kSetAtime = 1u << 4,
  kSetMtime = 1u << 5,
  kSetHandle = 1u << 6,
  kSetAtimeNow = 1u << 7,
  kSetMtimeNow = 1u << 8,
  kSetCtime = 1u << 10,
  kSetKillSuidGid = 1u << 11,
};

// OpenOut::open_flags.
enum OpenReplyFlag : uint32_t {
  kOpenDirectIo = 1u << 0,
  kOpenKeepCache = 1u << 1,
  kOpenCacheDir = 1u << 3,
};

inline constexpr uint32_t kOpenKillSuidGid = 1u << 0;      // OpenIn::open_flags
inline constexpr uint32_t kGetAttrHandle = 1u << 0;        // GetAttrIn::getattr_flags
inline constexpr uint32_t kWriteFromCache = 1u << 0;       // WriteIn::write_flags
inline constexpr uint32_t kWriteKillSuidGid = 1u << 2;     // WriteIn::write_flags
inline constexpr uint32_t kFsyncDataOnly = 1u << 0;        // FsyncIn::fsync_flags
inline constexpr uint32_t kSetXattrAclKillSgid = 1u << 0;  // SetXattrIn::setxattr_flags
inline constexpr uint32_t kExpireOnly = 1u << 0;           // NotifyInvalEntry::flags
inline constexpr uint32_t kExtGroups = 32;
inline constexpr int32_t kNotifyInvalInode = 2;  // OutHeader::error of a notification
inline constexpr int32_t kNotifyInvalEntry = 3;

struct InHeader {
  uint32_t len;
  uint32_t opcode;
  uint64_t unique;
  uint64_t nodeid;
  uint32_t uid, gid, pid;
  uint16_t total_extlen;  // of the extensions at the end, in units of 8 bytes
  uint16_t padding;
};

struct OutHeader {
  uint32_t len;
  int32_t error;
  uint64_t unique;
};

struct Attr {
  uint64_t ino, size, blocks;
  uint64_t atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec;
  uint32_t mode, nlink, uid, gid, rdev, blksize, flags;
};

struct StatxTime {
  int64_t sec;
  uint32_t nsec;
  int32_t reserved;
};

struct Statx {
  uint32_t mask, blksize;
  uint64_t attributes;
  uint32_t nlink, uid, gid;
  uint16_t mode, spare0;
  uint64_t ino, size, blocks, attributes_mask;
  StatxTime atime, btime, ctime, mtime;
  uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
  uint64_t spare2[14];
};

struct EntryOut {
  uint64_t nodeid, generation;
  uint64_t entry_valid, attr_valid;
  uint32_t entry_valid_nsec, attr_valid_nsec;
  Attr attr;
};

struct AttrOut {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec, dummy;
  Attr attr;
};

struct StatxOut {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec, flags;
  uint64_t spare[2];
  Statx stat;
};

struct OpenOut {
  uint64_t fh;
  uint32_t open_flags;
  int32_t backing_id;
};

struct CreateOut {
  EntryOut entry;
  OpenOut open;
};

// Of WRITE, COPY_FILE_RANGE, and of GETXATTR and LISTXATTR when only the size was asked for.
struct SizeOut {
  uint32_t size, padding;
};

struct CopyFileRangeOut {
  uint64_t bytes_copied;
};

struct StatFsOut {
  uint64_t blocks, bfree, bavail, files, ffree;
  uint32_t bsize, namelen, frsize, padding;
  uint32_t spare[6];
};

struct LseekOut {
  uint64_t offset;
};

struct IoctlOut {
  int32_t result;
  uint32_t flags, in_iovs, out_iovs;
};

struct InitOut {
  uint32_t major, minor, max_readahead, flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write, time_gran;
  uint16_t max_pages, map_alignment;
  uint32_t flags2, max_stack_depth;
  uint16_t request_timeout;
  uint16_t unused[11];
};

// Followed by namelen bytes of name and zeros up to a multiple of 8.
struct Dirent {
  uint64_t ino, off;
  uint32_t namelen, type;
};

struct DirentPlus {
  EntryOut entry;
  Dirent dirent;
};

struct InitIn {
  uint32_t major, minor, max_readahead, flags;
  uint32_t flags2;  // from here on only with kInitExt
  uint32_t unused[11];
};
inline constexpr size_t kInitInBase = 16;

struct ForgetIn {
  uint64_t nlookup;
};

struct ForgetOne {
  uint64_t nodeid, nlookup;
};

struct BatchForgetIn {
  uint32_t count, dummy;
};

struct GetAttrIn {
  uint32_t getattr_flags, dummy;
  uint64_t fh;
};

struct StatxIn {
  uint32_t getattr_flags, reserved;
  uint64_t fh;
  uint32_t sx_flags, sx_mask;
};

struct SetAttrIn {
  uint32_t valid, padding;
  uint64_t fh, size, lock_owner;
  uint64_t atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec;
  uint32_t mode, unused4, uid, gid, unused5;
};

struct MkNodIn {
  uint32_t mode, rdev, umask, padding;
};

struct MkDirIn {
  uint32_t mode, umask;
};

struct RenameIn {
  uint64_t newdir;
};

struct Rename2In {
  uint64_t newdir;
  uint32_t flags, padding;
};

struct LinkIn {
  uint64_t oldnodeid;
};

struct OpenIn {
  uint32_t flags, open_flags;
};

struct CreateIn {
  uint32_t flags, mode, umask, open_flags;
};

struct ReleaseIn {
  uint64_t fh;
  uint32_t flags, release_flags;
  uint64_t lock_owner;
};

struct ReadIn {
  uint64_t fh, offset;
  uint32_t size, read_flags;
  uint64_t lock_owner;
  uint32_t flags, padding;
};

struct WriteIn {
  uint64_t fh, offset;
  uint32_t size, write_flags;
  uint64_t lock_owner;
  uint32_t flags, padding;
};

struct FsyncIn {
  uint64_t fh;
  uint32_t fsync_flags, padding;
};

struct SetXattrIn {
  uint32_t size, flags;
  uint32_t setxattr_flags, padding;  // only with kSetXattrExt
};
inline constexpr size_t kSetXattrInBase = 8;

struct GetXattrIn {
  uint32_t size, padding;
};

struct InterruptIn {
  uint64_t unique;
};

struct IoctlIn {
  uint64_t fh;
  uint32_t flags, cmd;
  uint64_t arg;
  uint32_t in_size, out_size;
};

struct FallocateIn {
  uint64_t fh, offset, length;
  uint32_t mode, padding;
};

struct LseekIn {
  uint64_t fh, offset;
  uint32_t whence, padding;
};

struct CopyFileRangeIn {
  uint64_t fh_in, off_in;
  uint64_t nodeid_out, fh_out, off_out;
  uint64_t len, flags;
};

struct ExtHeader {
  uint32_t size, type;  // size: this header included
};

struct NotifyInvalInode {
  uint64_t ino;
  int64_t off, len;
};

struct NotifyInvalEntry {
  uint64_t parent;
  uint32_t namelen, flags;
};

inline constexpr unsigned long kIocSyncInit = _IO(229, 3);

// READ and WRITE data lie at this offset in a request: the reader's buffer is placed so that it is the start
// of a page (F7).
inline constexpr size_t kWriteDataOffset = sizeof(InHeader) + sizeof(WriteIn);

}  // namespace plyfs::fuse::wire

#endif  // PLYFS_FUSE_WIRE_H_
