// INIT: which version and which features are spoken with this kernel.
//
// Pure.  Takes only what the kernel offers, asks only for what plyfs keeps (transport.md section 4).
#ifndef PLYFS_FUSE_INIT_H_
#define PLYFS_FUSE_INIT_H_

#include <cstdint>

#include "engine/base/result.h"
#include "fuse/decode.h"
#include "fuse/wire.h"

namespace plyfs::fuse {

struct InitWishes {
  uint32_t max_write = 1u << 20;
  bool posix_acl = true;
  uint32_t minor = wire::kMinor;  // speak no newer minor than this
};

struct InitResult {
  wire::InitOut reply{};
  bool settled = true;  // false: the kernel speaks a newer major; it sends INIT again after this reply
  uint32_t minor = 0;
  uint64_t flags = 0;  // agreed, wire::InitFlag
  uint32_t max_write = 0;
};

// EPROTO: a kernel too old to be served (before 7.31, Linux 5.4), or not INIT's structure.
Result<InitResult> NegotiateInit(const Message& message, const InitWishes& wishes);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_INIT_H_
