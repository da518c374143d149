#include "tools/plyfs/privileges.h"

#include <linux/capability.h>

#include "engine/io/sys_capabilities.h"

namespace plyfs::tool {
namespace {

// mount(2), clones of mounts (M10), trusted.* and security.* xattrs, more marks than an ordinary user's.
constexpr int kAlways[] = {
    CAP_SYS_ADMIN,
    CAP_DAC_READ_SEARCH,  // reading layers whoever owns them; file handles
    CAP_FOWNER,           // O_NOATIME
};

constexpr int kToWrite[] = {
    CAP_SYS_ADMIN,       CAP_DAC_READ_SEARCH,
    CAP_FOWNER,           // and chmod, utimes, xattrs
    CAP_DAC_OVERRIDE,     // writing in directories of upper, whoever owns them
    CAP_SETUID,           // making things as the caller (fsuid)
    CAP_SETGID,           // likewise
    CAP_CHOWN,            // the owner of what is copied up
    CAP_FSETID,           // its set-id bits
    CAP_MKNOD,            // device nodes
    CAP_SETFCAP,          // security.capability
    CAP_MAC_ADMIN,        // labels that this system does not know
    CAP_LINUX_IMMUTABLE,  // append-only and immutable flags
    CAP_SYS_RESOURCE,     // reserved blocks and quotas, as kernel overlayfs
};

constexpr int kToUnmount[] = {CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH};

}  // namespace

Status DropDaemonPrivileges(bool writable) {
  return writable ? sys::KeepOnlyCapabilities(kToWrite) : sys::KeepOnlyCapabilities(kAlways);
}

Status DropKeeperPrivileges() {
  return sys::KeepOnlyCapabilities(kToUnmount);
}

}  // namespace plyfs::tool
