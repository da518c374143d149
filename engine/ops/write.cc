#include <fcntl.h>

#include "engine/base/planted.h"
#include "engine/format/protattr.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_xattr.h"
#include "engine/ops/file_access.h"
#include "engine/ops/guard.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {
namespace {

// The client writes its pages back through whatever handle there is, and the last of them is as long as the
// file: not what O_DIRECT takes.
Result<size_t> WritePages(const FileAccess& access, std::span<const char> data, uint64_t offset) {
  // An append-only file of the upper filesystem's own, which the client lets a program map (A14): the end is
  // not where such a page belongs.
  if ((access.file->flags & O_APPEND) != 0 && sys::WritesAtEnd(access.get())) return Errno(EPERM);
  if ((access.file->flags & O_DIRECT) != 0) {
    if (Result<UniqueFd> buffered = sys::Reopen(access.get(), O_WRONLY); buffered.ok()) {
      return sys::Pwrite(buffered->get(), data.data(), data.size(), offset);
    }
  }
  return sys::Pwrite(access.get(), data.data(), data.size(), offset);
}

// Of an append-only file a descriptor cannot lose O_APPEND (fs/fcntl.c:setfl).  The client, which does not
// know that the file is one, lets it; so whoever then writes is refused.
Status StillAppends(Parts& parts, const FileAccess& access, const WriteFlags& flags) {
  const bool lost = (access.file->flags & O_APPEND) != 0 && (flags.open_flags & O_APPEND) == 0;
  if (!lost || flags.from_cache) return OkStatus();
  return MayUnless(parts, access.file->inode, kFlagAppend);
}

}  // namespace

Result<size_t> Write(Parts& parts, const Caller& caller, Handle handle, uint64_t offset,
                     std::span<const char> data, const WriteFlags& flags) {
  PLY_TRY(FileAccess access, AccessForWrite(parts, handle));
  PLY_CHECK(StillAppends(parts, access, flags));
  if (flags.kill_suidgid) PLY_CHECK(KillPrivileges(parts, caller, access, offset));
  // A store through a mapping clears nothing (A11), but the upper filesystem takes any write for a write(2).
  Result<std::string> capability = Errno(ENODATA);
  if (flags.from_cache) capability = sys::FGetXattr(access.get(), "security.capability");
  const bool lost = (flags.from_cache && Planted(Plant::kMappedWrite)) ||
                    (access.inode().unlinked() && Planted(Plant::kUnlinkedIo));
  const size_t short_by = !flags.from_cache && data.size() > 1 && Planted(Plant::kWrite) ? 1 : 0;
  if (lost) return data.size();
  const auto bytes = data.first(data.size() - short_by);
  Result<size_t> written = flags.from_cache ? WritePages(access, bytes, offset)
                                            : sys::Pwrite(access.get(), bytes.data(), bytes.size(), offset);
  if (written.ok()) *written += short_by;
  if (capability.ok()) (void)sys::FSetXattr(access.get(), "security.capability", *capability, 0);
  access.inode().DropAttrOfWritten();
  // The client goes on showing a page that found no room: who opens the file next sees what is there (F20).
  const bool partly = !written.ok() || *written < data.size();
  if (flags.from_cache && partly) access.inode().SetDataStamp(kPagesDiffer);
  return written;
}

}  // namespace plyfs::ops
