// What all wrappers of system calls share: the fault seam, EINTR, errno, and a descriptor's path in /proc.
//
// Only for engine/io.  Wrappers are thin: they know no layers and no overlay rules, keep the kernel's errno
// exactly, and may be called from any thread.  EINTR is retried: the program's threads run with signals
// blocked, so it says nothing but that a debugger or the freezer passed by.  A filesystem that answers it
// again and again is broken or hostile: EIO, as of a disk.
#ifndef PLYFS_ENGINE_IO_SYS_CALL_H_
#define PLYFS_ENGINE_IO_SYS_CALL_H_

#include <cerrno>
#include <cstddef>
#include <cstdio>

#include "engine/base/lock_order.h"
#include "engine/base/result.h"
#include "engine/io/calls_made.h"
#include "engine/io/fault.h"
#include "engine/io/spare_descriptors.h"
#include "engine/io/unique_fd.h"

namespace plyfs::sys {

constexpr int kMostInterrupts = 100;  // of one call

// call(size) for what moves up to `size` bytes, and may be made to move less.
template <typename F>
auto CallSized(Op op, size_t size, F call) -> Result<decltype(call(size))> {
  lock_order::ExpectNone("a system call");
  for (int interrupts = 0; interrupts < kMostInterrupts; ++interrupts) {
    int injected = FaultAt(op);
    if (injected > 0) return Errno(injected);
    calls_made.Add();
    auto result = call(injected == kFaultShort && size > 1 ? size / 2 : size);
    int error = result >= 0 ? 0 : errno;
    CallMade(op, error);
    if (error == 0) return result;
    if (error != EINTR) return Errno(error);
  }
  return Errno(EIO);
}

template <typename F>
auto Call(Op op, F call) -> Result<decltype(call())> {
  return CallSized(op, 0, [&](size_t) { return call(); });
}

// Call for what gives a descriptor: where there is none left, what is only kept gives way.
template <typename F>
Result<UniqueFd> CallForDescriptor(Op op, F call) {
  for (int attempt = 0;; ++attempt) {
    Result<int> fd = Call(op, call);
    if (fd.ok()) return UniqueFd(*fd);
    const bool none_left = fd.error() == EMFILE || fd.error() == ENFILE;
    if (!none_left || !MakeRoomForDescriptors(attempt)) return fd.status();
  }
}

// Call for what gives no value.
template <typename F>
Status Do(Op op, F call) {
  auto result = Call(op, call);
  if (!result.ok()) return result.status();
  return OkStatus();
}

// "/proc/self/fd/N": the one way to an object held by an O_PATH descriptor for calls without AT_EMPTY_PATH.
// A symlink held by O_PATH|O_NOFOLLOW is itself the end of the magic link (fs/namei.c:nd_jump_link), so calls
// by this path act on the link, not on its target.
class FdPath {
 public:
  explicit FdPath(int fd) { std::snprintf(text_, sizeof text_, "/proc/self/fd/%d", fd); }
  const char* c_str() const { return text_; }

 private:
  char text_[32];
};

}  // namespace plyfs::sys

#endif  // PLYFS_ENGINE_IO_SYS_CALL_H_
