#include "engine/io/sys_handle.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>

#include <cstddef>
#include <cstring>
#include <optional>

#include "engine/io/sys_call.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"

namespace plyfs::sys {
namespace {

// struct file_handle with room for the longest handle.
struct HandleBuffer {
  alignas(struct file_handle) char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];

  struct file_handle* get() { return reinterpret_cast<struct file_handle*>(bytes); }
};

// include/uapi/linux/fs.h: struct fsuuid2, FS_IOC_GETFSUUID (Linux 6.9; the headers of Debian 12 lack them).
struct FsUuid2 {
  uint8_t length;
  uint8_t uuid[16];
};
constexpr unsigned long kGetFsUuid = _IOR(0x15, 0, FsUuid2);

// fs/ext4/ext4.h: struct fsuuid, EXT4_IOC_GETFSUUID (Linux 6.0); the UUID follows the head.
struct Ext4FsUuid {
  uint32_t length;
  uint32_t flags;
  uint8_t uuid[16];
};
constexpr unsigned long kExt4GetFsUuid = _IOR('f', 44, uint64_t);
static_assert(offsetof(Ext4FsUuid, uuid) == 8);

// fs/xfs/libxfs/xfs_fs.h: struct xfs_fsop_geom_v1, XFS_IOC_FSGEOMETRY_V1.
struct XfsGeometry {
  uint32_t sizes[8];
  uint64_t counts[4];
  uint8_t uuid[16];
  uint32_t rest[7];
};
constexpr unsigned long kXfsGeometry = _IOR('X', 100, XfsGeometry);
static_assert(sizeof(XfsGeometry) == 112);

constexpr long kXfsMagic = 0x58465342;  // statfs f_type; not in linux/magic.h

FsId IdOf(const uint8_t (&uuid)[16]) {
  FsId id;
  std::memcpy(id.data(), uuid, id.size());
  return id;
}

// How one filesystem told its UUID before there was a call for all.  Asked by type, never by trial: the same
// number may mean anything to a FUSE server.
Result<FsId> UuidByType(int fd) {
  PLY_TRY(auto fs, FStatFs(fd));
  if (fs.f_type == BTRFS_SUPER_MAGIC) {
    struct btrfs_ioctl_fs_info_args info = {};
    if (::ioctl(fd, BTRFS_IOC_FS_INFO, &info) != 0) return LastErrno();
    return IdOf(info.fsid);
  }
  if (fs.f_type == EXT4_SUPER_MAGIC) {
    Ext4FsUuid answer = {.length = 16, .flags = 0, .uuid = {}};
    if (::ioctl(fd, kExt4GetFsUuid, &answer) != 0) return LastErrno();
    return IdOf(answer.uuid);
  }
  if (fs.f_type == kXfsMagic) {
    XfsGeometry geometry = {};
    if (::ioctl(fd, kXfsGeometry, &geometry) != 0) return LastErrno();
    return IdOf(geometry.uuid);
  }
  return Errno(ENOTTY);
}

Result<FsId> UuidOf(int fd) {
  FsUuid2 answer = {};
  Status status = Do(Op::kGetFsUuid, [&] { return ::ioctl(fd, kGetFsUuid, &answer); });
  if (status.ok() && answer.length == sizeof answer.uuid) return IdOf(answer.uuid);
  if (status.error() == EBADF) return Errno(EBADF);
  return UuidByType(fd);
}

}  // namespace

Result<FileHandle> NameToHandleAt(int fd) {
  HandleBuffer buffer;
  buffer.get()->handle_bytes = MAX_HANDLE_SZ;
  int mount_id;
  PLY_CHECK(Do(Op::kNameToHandle,
               [&] { return ::name_to_handle_at(fd, "", buffer.get(), &mount_id, AT_EMPTY_PATH); }));
  const char* bytes = buffer.bytes + offsetof(struct file_handle, f_handle);
  return FileHandle{buffer.get()->handle_type, std::string(bytes, buffer.get()->handle_bytes)};
}

Result<UniqueFd> OpenByHandleAt(int mount_fd, const FileHandle& handle, int flags) {
  if (handle.bytes.size() > MAX_HANDLE_SZ) return Errno(EINVAL);
  HandleBuffer buffer;
  buffer.get()->handle_bytes = static_cast<unsigned>(handle.bytes.size());
  buffer.get()->handle_type = handle.type;
  std::memcpy(buffer.bytes + offsetof(struct file_handle, f_handle), handle.bytes.data(),
              handle.bytes.size());
  return CallForDescriptor(Op::kOpenByHandle,
                           [&] { return ::open_by_handle_at(mount_fd, buffer.get(), flags | O_CLOEXEC); });
}

Result<FsId> FilesystemUuid(int fd) {
  Result<FsId> id = UuidOf(fd);
  if (id.error() != EBADF) return id;
  // ioctl refuses O_PATH descriptors (fs/ioctl.c uses fdget).
  PLY_TRY(UniqueFd real, Reopen(fd, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  return UuidOf(real.get());
}

}  // namespace plyfs::sys
