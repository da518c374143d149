// Whether a client that interrupted its request is about to die.
//
// The kernel sends INTERRUPT for any signal, and passes an EINTR answer through to the program
// (fs/fuse/dev.c:request_wait_answer).  A program that gets SIGCHLD or Go's SIGURG does not expect EINTR from
// stat, and no local filesystem gives it; but one that was killed must not stay behind a hung layer.
#ifndef PLYFS_FUSE_CLIENT_STATE_H_
#define PLYFS_FUSE_CLIENT_STATE_H_

#include <cstdint>
#include <string_view>

namespace plyfs::fuse {

// Of a thread by its id in our pid namespace: a signal waits for it, or for its process, that will end it.
// False when that cannot be known (0: a client outside the namespace).  One short read of /proc.
bool ClientIsDying(uint32_t thread_id);

// The same from the text of /proc/N/status.  Pure.
bool StatusShowsDying(std::string_view status);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_CLIENT_STATE_H_
