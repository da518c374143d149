#include "fuse/init.h"

#include <algorithm>

namespace plyfs::fuse {
namespace {

constexpr uint32_t kOldestMinor = 31;
constexpr uint32_t kPage = 4096;
constexpr uint32_t kMostWrite = 1u << 20;               // fs.fuse.max_pages_limit is 256
constexpr uint32_t kWriteWithoutMaxPages = 32 * kPage;  // fs/fuse/fuse_i.h: FUSE_DEFAULT_MAX_PAGES_PER_REQ
constexpr uint16_t kMaxBackground = 64;                 // the default of 12 chokes readahead

// Not asked for, on purpose: AUTO_INVAL_DATA (it wins over EXPLICIT_INVAL_DATA), WRITEBACK_CACHE (a write
// that returned is in the layer), POSIX_LOCKS and FLOCK_LOCKS (F19: the kernel locks by itself),
// HANDLE_KILLPRIV (version 2 instead), EXPORT_SUPPORT (F14), SECURITY_CTX (the engine does not label),
// NO_OPEN (it excludes ATOMIC_O_TRUNC), ASYNC_DIO (the client drops the pages of what is written before such
// a write only, not after it: fs/fuse/file.c:fuse_aio_complete; what is read meanwhile stays old for good),
// READDIRPLUS_AUTO (it asks for plain entries behind the first few of a directory that is read to its end
// before it is looked at, as find does; who gets attributes is for tree/list_habits.h to say).
constexpr uint64_t kAlways =
    wire::kAsyncRead | wire::kAtomicOTrunc | wire::kBigWrites | wire::kHasIoctlDir | wire::kDoReadDirPlus |
    wire::kParallelDirOps | wire::kMaxPages | wire::kCacheSymlinks | wire::kExplicitInvalData |
    wire::kHandleKillPrivV2 | wire::kSetXattrExt | wire::kInitExt | wire::kCreateSuppGroup |
    wire::kHasExpireOnly | wire::kDirectIoAllowMmap | wire::kNoExportSupport | wire::kHasResend;
// The umask must not come before a default ACL has been looked for (F24).
constexpr uint64_t kWithAcl = wire::kPosixAcl | wire::kDontMask;

// What the oldest kernel of that minor offers: for tests that play an older kernel.
uint64_t KnownTo(uint32_t minor) {
  uint64_t unknown = 0;
  if (minor < 33) unknown |= wire::kHandleKillPrivV2 | wire::kSetXattrExt;
  if (minor < 36) unknown |= wire::kInitExt;
  if (minor < 38) unknown |= wire::kHasExpireOnly;
  // Came within 7.38: Debian's Linux 6.1 speaks that minor without it.
  if (minor < 39) unknown |= wire::kCreateSuppGroup | wire::kDirectIoAllowMmap;
  if (minor < 40) unknown |= wire::kNoExportSupport | wire::kHasResend;
  return ~unknown;
}

uint64_t Offered(const wire::InitIn& in) {
  uint64_t flags = in.flags;
  if ((flags & wire::kInitExt) != 0) flags |= uint64_t{in.flags2} << 32;
  return flags;
}

Result<wire::InitIn> DecodeInit(const Message& message) {
  Decoder in(message.body);
  if (message.body.size() >= sizeof(wire::InitIn)) return in.Fixed<wire::InitIn>();
  return in.Prefix<wire::InitIn>(wire::kInitInBase);
}

}  // namespace

Result<InitResult> NegotiateInit(const Message& message, const InitWishes& wishes) {
  const auto in = DecodeInit(message);
  if (!in.ok() || message.header.opcode != wire::kInit) return Errno(EPROTO);
  InitResult result;
  wire::InitOut& out = result.reply;
  out.major = wire::kMajor;
  out.minor = std::min(wire::kMinor, wishes.minor);
  if (in->major > wire::kMajor) {
    result.settled = false;
    return result;
  }
  if (in->major < wire::kMajor || in->minor < kOldestMinor) return Errno(EPROTO);
  result.minor = std::min(in->minor, out.minor);
  const uint64_t wanted = kAlways | (wishes.posix_acl ? kWithAcl : 0);
  result.flags = Offered(*in) & wanted;
  // A real kernel's offer is believed whatever its minor: distributions bring features back.
  if (out.minor < in->minor) result.flags &= KnownTo(result.minor);

  const bool many_pages = (result.flags & wire::kMaxPages) != 0;
  result.max_write =
      std::clamp(wishes.max_write / kPage * kPage, kPage, many_pages ? kMostWrite : kWriteWithoutMaxPages);
  out.max_readahead = in->max_readahead;
  out.flags = static_cast<uint32_t>(result.flags);
  out.flags2 = static_cast<uint32_t>(result.flags >> 32);
  out.max_background = kMaxBackground;
  out.congestion_threshold = kMaxBackground / 4 * 3;
  out.max_write = result.max_write;
  out.max_pages = many_pages ? static_cast<uint16_t>(result.max_write / kPage) : 0;
  out.time_gran = 1;
  return result;
}

}  // namespace plyfs::fuse
