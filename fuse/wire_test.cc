// Compares wire.h with the installed kernel header, as far as that one goes (Debian 12: protocol 7.38).
#include "fuse/wire.h"

#include <linux/fuse.h>

#include "gtest/gtest.h"

namespace plyfs::fuse::wire {
namespace {

#define SAME_SIZE(ours, theirs) static_assert(sizeof(ours) == sizeof(struct theirs))
SAME_SIZE(InHeader, fuse_in_header);
SAME_SIZE(OutHeader, fuse_out_header);
SAME_SIZE(Attr, fuse_attr);
SAME_SIZE(EntryOut, fuse_entry_out);
SAME_SIZE(AttrOut, fuse_attr_out);
SAME_SIZE(OpenOut, fuse_open_out);
SAME_SIZE(SizeOut, fuse_write_out);
SAME_SIZE(StatFsOut, fuse_statfs_out);
SAME_SIZE(SizeOut, fuse_getxattr_out);
SAME_SIZE(LseekOut, fuse_lseek_out);
SAME_SIZE(IoctlOut, fuse_ioctl_out);
SAME_SIZE(InitOut, fuse_init_out);
SAME_SIZE(InitIn, fuse_init_in);
SAME_SIZE(ForgetOne, fuse_forget_one);
SAME_SIZE(BatchForgetIn, fuse_batch_forget_in);
SAME_SIZE(GetAttrIn, fuse_getattr_in);
SAME_SIZE(SetAttrIn, fuse_setattr_in);
SAME_SIZE(MkNodIn, fuse_mknod_in);
SAME_SIZE(MkDirIn, fuse_mkdir_in);
SAME_SIZE(RenameIn, fuse_rename_in);
SAME_SIZE(Rename2In, fuse_rename2_in);
SAME_SIZE(LinkIn, fuse_link_in);
SAME_SIZE(OpenIn, fuse_open_in);
SAME_SIZE(CreateIn, fuse_create_in);
SAME_SIZE(ReleaseIn, fuse_release_in);
SAME_SIZE(ReadIn, fuse_read_in);
SAME_SIZE(WriteIn, fuse_write_in);
SAME_SIZE(FsyncIn, fuse_fsync_in);
SAME_SIZE(SetXattrIn, fuse_setxattr_in);
SAME_SIZE(GetXattrIn, fuse_getxattr_in);
SAME_SIZE(InterruptIn, fuse_interrupt_in);
SAME_SIZE(IoctlIn, fuse_ioctl_in);
SAME_SIZE(FallocateIn, fuse_fallocate_in);
SAME_SIZE(LseekIn, fuse_lseek_in);
SAME_SIZE(CopyFileRangeIn, fuse_copy_file_range_in);
SAME_SIZE(NotifyInvalInode, fuse_notify_inval_inode_out);
SAME_SIZE(NotifyInvalEntry, fuse_notify_inval_entry_out);

#define SAME_PLACE(ours, theirs, field) static_assert(offsetof(ours, field) == offsetof(struct theirs, field))
SAME_PLACE(Attr, fuse_attr, mode);
SAME_PLACE(Attr, fuse_attr, rdev);
SAME_PLACE(Attr, fuse_attr, ctimensec);
SAME_PLACE(EntryOut, fuse_entry_out, attr_valid_nsec);
SAME_PLACE(SetAttrIn, fuse_setattr_in, mtimensec);
SAME_PLACE(SetAttrIn, fuse_setattr_in, mode);
SAME_PLACE(SetAttrIn, fuse_setattr_in, gid);
SAME_PLACE(CreateIn, fuse_create_in, umask);
SAME_PLACE(WriteIn, fuse_write_in, lock_owner);
SAME_PLACE(WriteIn, fuse_write_in, flags);
SAME_PLACE(ReadIn, fuse_read_in, size);
SAME_PLACE(SetXattrIn, fuse_setxattr_in, setxattr_flags);
SAME_PLACE(IoctlIn, fuse_ioctl_in, cmd);
SAME_PLACE(IoctlIn, fuse_ioctl_in, in_size);
SAME_PLACE(InitOut, fuse_init_out, time_gran);
SAME_PLACE(InitOut, fuse_init_out, flags2);
SAME_PLACE(CopyFileRangeIn, fuse_copy_file_range_in, off_out);
SAME_PLACE(NotifyInvalEntry, fuse_notify_inval_entry_out, namelen);
static_assert(sizeof(Dirent) == FUSE_NAME_OFFSET);
static_assert(sizeof(DirentPlus) == FUSE_NAME_OFFSET_DIRENTPLUS);

TEST(Wire, NumbersAgreeWithTheInstalledHeader) {
  EXPECT_EQ(kBatchForget, static_cast<uint32_t>(FUSE_BATCH_FORGET));
  EXPECT_EQ(kTmpFile, static_cast<uint32_t>(FUSE_TMPFILE));
  EXPECT_EQ(kCopyFileRange, static_cast<uint32_t>(FUSE_COPY_FILE_RANGE));
  EXPECT_EQ(kReadDirPlus, static_cast<uint32_t>(FUSE_READDIRPLUS));
  EXPECT_EQ(kIoctl, static_cast<uint32_t>(FUSE_IOCTL));
  EXPECT_EQ(kHandleKillPrivV2, static_cast<uint64_t>(FUSE_HANDLE_KILLPRIV_V2));
  EXPECT_EQ(kExplicitInvalData, static_cast<uint64_t>(FUSE_EXPLICIT_INVAL_DATA));
  EXPECT_EQ(kSetXattrExt, static_cast<uint64_t>(FUSE_SETXATTR_EXT));
  EXPECT_EQ(kInitExt, static_cast<uint64_t>(FUSE_INIT_EXT));
  EXPECT_EQ(kHasExpireOnly, static_cast<uint64_t>(FUSE_HAS_EXPIRE_ONLY));
  EXPECT_EQ(kSetKillSuidGid, static_cast<uint32_t>(FATTR_KILL_SUIDGID));
  EXPECT_EQ(kOpenCacheDir, static_cast<uint32_t>(FOPEN_CACHE_DIR));
  EXPECT_EQ(kNotifyInvalEntry, static_cast<int32_t>(FUSE_NOTIFY_INVAL_ENTRY));
}

TEST(Wire, RecordsAreAlignedToEightBytes) {
  EXPECT_EQ(AlignRecord(0), 0u);
  EXPECT_EQ(AlignRecord(1), 8u);
  EXPECT_EQ(AlignRecord(24), FUSE_DIRENT_ALIGN(24));
  EXPECT_EQ(AlignRecord(25), FUSE_DIRENT_ALIGN(25));
}

}  // namespace
}  // namespace plyfs::fuse::wire
