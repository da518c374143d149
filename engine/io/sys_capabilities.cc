#include "engine/io/sys_capabilities.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "engine/io/sys_creds.h"

namespace plyfs::sys {

Status KeepOnlyCapabilities(std::span<const int> kept) {
  uint64_t mask = 0;
  for (int cap : kept) mask |= uint64_t{1} << cap;
  if (HasCapability(CAP_SETPCAP)) {
    constexpr unsigned long kBits = SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NOROOT |
                                    SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    if (::prctl(PR_SET_SECUREBITS, kBits) != 0) return LastErrno();
    // EINVAL: beyond the last that this kernel knows.
    for (int cap = 0; ::prctl(PR_CAPBSET_READ, cap) >= 0; ++cap) {
      const bool stays = (mask >> cap & 1) != 0;
      if (!stays && ::prctl(PR_CAPBSET_DROP, cap) != 0) return LastErrno();
    }
  }
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return LastErrno();
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    data[i].permitted &= static_cast<uint32_t>(mask >> (32 * i));
    data[i].effective &= data[i].permitted;
    data[i].inheritable = 0;
  }
  return ::syscall(SYS_capset, &header, data) == 0 ? OkStatus() : Status(LastErrno());
}

}  // namespace plyfs::sys
