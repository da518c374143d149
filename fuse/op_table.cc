#include "fuse/op_table.h"

#include <array>

#include "fuse/handlers.h"

namespace plyfs::fuse {
namespace {

using namespace wire;  // NOLINT: the table is about nothing else

// Not constexpr: reaching it in a constant expression is the compiler's error message.
void ArgumentsDoNotMatchTheStructure() {}

using Table = std::array<Operation, kOpcodeCount>;

struct Row {
  Opcode opcode;
  size_t structure;  // size of the fixed structure in wire.h
  Operation operation;
};

constexpr Table Build(std::initializer_list<Row> rows) {
  Table table{};
  for (const Row& row : rows) {
    const ArgumentsSize size = MeasureArguments(row.operation.arguments);
    if (!size.ok || size.fixed != row.structure) ArgumentsDoNotMatchTheStructure();
    Operation& at = table[row.opcode];
    at = row.operation;
    at.fixed = size.fixed;
    at.least = size.least;
  }
  return table;
}

constexpr uint32_t kCold = kMayBlock;
constexpr uint32_t kAsks = kMayBlock | kNoEffects;

constexpr char kOpenArgs[] = "flags:4o open_flags:4x";
constexpr char kCreateArgs[] = "flags:4o mode:4o umask:4o open_flags:4x name:s";
constexpr char kReadArgs[] = "fh:8 offset:8 size:4 read_flags:4x owner:8x flags:4o _:4";
constexpr char kReleaseArgs[] = "fh:8 flags:4o release_flags:4x owner:8x";
constexpr char kFsyncArgs[] = "fh:8 fsync_flags:4x _:4";
constexpr char kCopyArgs[] = "fh_in:8 off_in:8 node_out:8 fh_out:8 off_out:8 len:8 flags:8x";
constexpr char kSetAttrArgs[] =
    "valid:4x _:4 fh:8 size:8 owner:8x atime:8 mtime:8 ctime:8 atimensec:4 mtimensec:4 ctimensec:4 mode:4o "
    "_:4 uid:4 gid:4 _:4";

// clang-format off
constexpr Table kTable = Build({
    // Names.
    {kLookup, 0, {"LOOKUP", "name:s", kAsks | kNamed, HandleLookup, ForgetEntry}},
    {kMkNod, sizeof(MkNodIn), {"MKNOD", "mode:4o rdev:4x umask:4o _:4 name:s", kCold | kNamed,
        HandleMkNod, ForgetEntry}},
    {kMkDir, sizeof(MkDirIn), {"MKDIR", "mode:4o umask:4o name:s", kCold | kNamed,
        HandleMkDir, ForgetEntry}},
    {kSymlink, 0, {"SYMLINK", "name:s target:s", kCold | kNamed, HandleSymlink, ForgetEntry}},
    {kLink, sizeof(LinkIn), {"LINK", "node:8 name:s", kCold | kNamed, HandleLink, ForgetEntry}},
    {kUnlink, 0, {"UNLINK", "name:s", kCold | kNamed, HandleUnlink}},
    {kRmDir, 0, {"RMDIR", "name:s", kCold | kNamed, HandleRmDir}},
    {kRename, sizeof(RenameIn), {"RENAME", "newdir:8 name:s newname:s", kCold | kNamed, HandleRename}},
    {kRename2, sizeof(Rename2In), {"RENAME2", "newdir:8 flags:4x _:4 name:s newname:s", kCold | kNamed,
        HandleRename2, nullptr, 23}},

    // Attributes.
    {kGetAttr, sizeof(GetAttrIn), {"GETATTR", "flags:4x _:4 fh:8", kAsks, HandleGetAttr}},
    {kStatx, sizeof(StatxIn), {"STATX", "flags:4x _:4 fh:8 sx_flags:4x sx_mask:4x", kAsks,
        HandleStatx, nullptr, 39}},
    {kSetAttr, sizeof(SetAttrIn), {"SETATTR", kSetAttrArgs, kCold, HandleSetAttr}},
    {kReadLink, 0, {"READLINK", "", kAsks, HandleReadLink}},
    {kAccess, 8, {"ACCESS", "mask:4o _:4"}},  // never sent with default_permissions

    // Files.
    {kOpen, sizeof(OpenIn), {"OPEN", kOpenArgs, kMayBlock | kNoEffectsReadOnly,
        HandleOpen, CloseOpened}},
    {kCreate, sizeof(CreateIn), {"CREATE", kCreateArgs, kCold | kNamed,
        HandleCreate, ForgetCreated}},
    {kTmpFile, sizeof(CreateIn), {"TMPFILE", kCreateArgs, kCold,
        HandleTmpFile, ForgetCreated, 37}},
    {kRead, sizeof(ReadIn), {"READ", kReadArgs, kAsks, HandleRead}},
    {kWrite, sizeof(WriteIn), {"WRITE", kReadArgs, kCold, HandleWrite}},
    {kRelease, sizeof(ReleaseIn), {"RELEASE", kReleaseArgs, kCold, HandleRelease}},
    {kFlush, 24, {"FLUSH", "fh:8 _:4 _:4 owner:8x"}},  // nothing is kept back that a close would have to write
    {kFsync, sizeof(FsyncIn), {"FSYNC", kFsyncArgs, kCold, HandleFsync}},
    {kFallocate, sizeof(FallocateIn), {"FALLOCATE", "fh:8 offset:8 length:8 mode:4x _:4", kCold,
        HandleFallocate}},
    {kLseek, sizeof(LseekIn), {"LSEEK", "fh:8 offset:8 whence:4 _:4", kAsks, HandleLseek, nullptr, 24}},
    {kCopyFileRange, sizeof(CopyFileRangeIn), {"COPY_FILE_RANGE", kCopyArgs, kCold,
        HandleCopyFileRange, nullptr, 28}},
    {kCopyFileRange64, sizeof(CopyFileRangeIn), {"COPY_FILE_RANGE_64", kCopyArgs, kCold,
        HandleCopyFileRange64, nullptr, 45}},
    {kGetLk, 48, {"GETLK", "fh:8 owner:8x start:8 end:8 type:4 pid:4 lk_flags:4x _:4"}},   // F19: never claimed
    {kSetLk, 48, {"SETLK", "fh:8 owner:8x start:8 end:8 type:4 pid:4 lk_flags:4x _:4"}},   // F19
    {kSetLkW, 48, {"SETLKW", "fh:8 owner:8x start:8 end:8 type:4 pid:4 lk_flags:4x _:4"}}, // F19
    {kBmap, 16, {"BMAP", "block:8 blocksize:4 _:4"}},
    {kPoll, 24, {"POLL", "fh:8 kh:8 flags:4x events:4x"}},

    // Directories.
    {kOpenDir, sizeof(OpenIn), {"OPENDIR", kOpenArgs, kAsks, HandleOpenDir, CloseOpenedDir}},
    {kReadDir, sizeof(ReadIn), {"READDIR", kReadArgs, kAsks, HandleReadDir}},
    {kReadDirPlus, sizeof(ReadIn), {"READDIRPLUS", kReadArgs, kAsks,
        HandleReadDirPlus, ForgetListing, 21}},
    {kReleaseDir, sizeof(ReleaseIn), {"RELEASEDIR", kReleaseArgs, kCold, HandleReleaseDir}},
    {kFsyncDir, sizeof(FsyncIn), {"FSYNCDIR", kFsyncArgs, kCold, HandleFsyncDir}},

    // Extended attributes.  SETXATTR's structure may be longer (FUSE_SETXATTR_EXT), so its name is not listed.
    {kGetXattr, sizeof(GetXattrIn), {"GETXATTR", "size:4 _:4 name:s", kAsks | kNamed, HandleGetXattr}},
    {kListXattr, sizeof(GetXattrIn), {"LISTXATTR", "size:4 _:4", kAsks, HandleListXattr}},
    {kSetXattr, kSetXattrInBase, {"SETXATTR", "size:4 flags:4x", kCold, HandleSetXattr}},
    {kRemoveXattr, 0, {"REMOVEXATTR", "name:s", kCold | kNamed, HandleRemoveXattr}},

    // The mount itself.  INIT and INTERRUPT are the session's own business.
    {kInit, kInitInBase, {"INIT", "major:4 minor:4 max_readahead:4 flags:4x"}},
    {kInterrupt, sizeof(InterruptIn), {"INTERRUPT", "unique:8", kNoReply}},
    {kForget, sizeof(ForgetIn), {"FORGET", "nlookup:8", kNoReply, HandleForget}},
    {kBatchForget, sizeof(BatchForgetIn), {"BATCH_FORGET", "count:4 _:4", kNoReply, HandleBatchForget}},
    {kStatFs, 0, {"STATFS", "", kAsks, HandleStatFs}},
    {kIoctl, sizeof(IoctlIn), {"IOCTL", "fh:8 flags:4x cmd:4x arg:8x in_size:4 out_size:4", kCold,
        HandleIoctl}},
    {kSyncFs, 8, {"SYNCFS", "_:8", 0, nullptr, nullptr, 34}},  // F8: never sent to type fuse
    {kDestroy, 0, {"DESTROY", "", 0, HandleDestroy}},
});
// clang-format on

constexpr Operation kUnknown{};

}  // namespace

const Operation& FindOperation(uint32_t opcode) {
  return opcode < kTable.size() ? kTable[opcode] : kUnknown;
}

}  // namespace plyfs::fuse
