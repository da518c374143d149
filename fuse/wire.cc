// Pins the layout of wire.h: the sizes and offsets of include/uapi/linux/fuse.h, Linux 6.18.
#include "fuse/wire.h"

namespace plyfs::fuse::wire {

#define PLY_WIRE_SIZE(type, size) static_assert(sizeof(type) == (size) && alignof(type) <= 8)
PLY_WIRE_SIZE(InHeader, 40);
PLY_WIRE_SIZE(OutHeader, 16);
PLY_WIRE_SIZE(Attr, 88);
PLY_WIRE_SIZE(StatxTime, 16);
PLY_WIRE_SIZE(Statx, 256);
PLY_WIRE_SIZE(EntryOut, 128);
PLY_WIRE_SIZE(AttrOut, 104);
PLY_WIRE_SIZE(StatxOut, 288);
PLY_WIRE_SIZE(OpenOut, 16);
PLY_WIRE_SIZE(CreateOut, 144);
PLY_WIRE_SIZE(SizeOut, 8);
PLY_WIRE_SIZE(CopyFileRangeOut, 8);
PLY_WIRE_SIZE(StatFsOut, 80);
PLY_WIRE_SIZE(LseekOut, 8);
PLY_WIRE_SIZE(IoctlOut, 16);
PLY_WIRE_SIZE(InitOut, 64);
PLY_WIRE_SIZE(Dirent, 24);
PLY_WIRE_SIZE(DirentPlus, 152);
PLY_WIRE_SIZE(InitIn, 64);
PLY_WIRE_SIZE(ForgetIn, 8);
PLY_WIRE_SIZE(ForgetOne, 16);
PLY_WIRE_SIZE(BatchForgetIn, 8);
PLY_WIRE_SIZE(GetAttrIn, 16);
PLY_WIRE_SIZE(StatxIn, 24);
PLY_WIRE_SIZE(SetAttrIn, 88);
PLY_WIRE_SIZE(MkNodIn, 16);
PLY_WIRE_SIZE(MkDirIn, 8);
PLY_WIRE_SIZE(RenameIn, 8);
PLY_WIRE_SIZE(Rename2In, 16);
PLY_WIRE_SIZE(LinkIn, 8);
PLY_WIRE_SIZE(OpenIn, 8);
PLY_WIRE_SIZE(CreateIn, 16);
PLY_WIRE_SIZE(ReleaseIn, 24);
PLY_WIRE_SIZE(ReadIn, 40);
PLY_WIRE_SIZE(WriteIn, 40);
PLY_WIRE_SIZE(FsyncIn, 16);
PLY_WIRE_SIZE(SetXattrIn, 16);
PLY_WIRE_SIZE(GetXattrIn, 8);
PLY_WIRE_SIZE(InterruptIn, 8);
PLY_WIRE_SIZE(IoctlIn, 32);
PLY_WIRE_SIZE(FallocateIn, 32);
PLY_WIRE_SIZE(LseekIn, 24);
PLY_WIRE_SIZE(CopyFileRangeIn, 56);
PLY_WIRE_SIZE(ExtHeader, 8);
PLY_WIRE_SIZE(NotifyInvalInode, 24);
PLY_WIRE_SIZE(NotifyInvalEntry, 16);
#undef PLY_WIRE_SIZE

// The kernel's structures have no implicit padding; nor may ours, so one late offset each pins the rest.
#define PLY_WIRE_OFFSET(type, field, offset) static_assert(offsetof(type, field) == (offset))
PLY_WIRE_OFFSET(InHeader, nodeid, 16);
PLY_WIRE_OFFSET(InHeader, pid, 32);
PLY_WIRE_OFFSET(InHeader, total_extlen, 36);
PLY_WIRE_OFFSET(OutHeader, error, 4);
PLY_WIRE_OFFSET(OutHeader, unique, 8);
PLY_WIRE_OFFSET(Attr, ctime, 40);
PLY_WIRE_OFFSET(Attr, mode, 60);
PLY_WIRE_OFFSET(Attr, flags, 84);
PLY_WIRE_OFFSET(Statx, mode, 28);
PLY_WIRE_OFFSET(Statx, ino, 32);
PLY_WIRE_OFFSET(Statx, atime, 64);
PLY_WIRE_OFFSET(Statx, btime, 80);
PLY_WIRE_OFFSET(Statx, rdev_major, 128);
PLY_WIRE_OFFSET(EntryOut, entry_valid, 16);
PLY_WIRE_OFFSET(EntryOut, entry_valid_nsec, 32);
PLY_WIRE_OFFSET(EntryOut, attr, 40);
PLY_WIRE_OFFSET(AttrOut, attr, 16);
PLY_WIRE_OFFSET(StatxOut, stat, 32);
PLY_WIRE_OFFSET(OpenOut, open_flags, 8);
PLY_WIRE_OFFSET(CreateOut, open, 128);
PLY_WIRE_OFFSET(StatFsOut, bsize, 40);
PLY_WIRE_OFFSET(StatFsOut, frsize, 48);
PLY_WIRE_OFFSET(InitOut, max_background, 16);
PLY_WIRE_OFFSET(InitOut, max_write, 20);
PLY_WIRE_OFFSET(InitOut, max_pages, 28);
PLY_WIRE_OFFSET(InitOut, flags2, 32);
PLY_WIRE_OFFSET(InitOut, request_timeout, 40);
PLY_WIRE_OFFSET(Dirent, namelen, 16);
PLY_WIRE_OFFSET(DirentPlus, dirent, 128);
PLY_WIRE_OFFSET(InitIn, flags2, 16);
PLY_WIRE_OFFSET(GetAttrIn, fh, 8);
PLY_WIRE_OFFSET(StatxIn, sx_flags, 16);
PLY_WIRE_OFFSET(SetAttrIn, lock_owner, 24);
PLY_WIRE_OFFSET(SetAttrIn, atimensec, 56);
PLY_WIRE_OFFSET(SetAttrIn, mode, 68);
PLY_WIRE_OFFSET(SetAttrIn, uid, 76);
PLY_WIRE_OFFSET(MkNodIn, umask, 8);
PLY_WIRE_OFFSET(MkDirIn, umask, 4);
PLY_WIRE_OFFSET(Rename2In, flags, 8);
PLY_WIRE_OFFSET(OpenIn, open_flags, 4);
PLY_WIRE_OFFSET(CreateIn, open_flags, 12);
PLY_WIRE_OFFSET(ReleaseIn, lock_owner, 16);
PLY_WIRE_OFFSET(ReadIn, lock_owner, 24);
PLY_WIRE_OFFSET(WriteIn, write_flags, 20);
PLY_WIRE_OFFSET(WriteIn, flags, 32);
PLY_WIRE_OFFSET(FsyncIn, fsync_flags, 8);
PLY_WIRE_OFFSET(SetXattrIn, setxattr_flags, 8);
PLY_WIRE_OFFSET(IoctlIn, arg, 16);
PLY_WIRE_OFFSET(IoctlIn, out_size, 28);
PLY_WIRE_OFFSET(FallocateIn, mode, 24);
PLY_WIRE_OFFSET(LseekIn, whence, 16);
PLY_WIRE_OFFSET(CopyFileRangeIn, nodeid_out, 16);
PLY_WIRE_OFFSET(CopyFileRangeIn, flags, 48);
PLY_WIRE_OFFSET(NotifyInvalInode, off, 8);
PLY_WIRE_OFFSET(NotifyInvalEntry, namelen, 8);
#undef PLY_WIRE_OFFSET
static_assert(kWriteDataOffset == 80);

}  // namespace plyfs::fuse::wire
