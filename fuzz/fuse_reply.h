// What a reply must look like, whatever was asked.  Pure; any thread.
#ifndef PLYFS_FUZZ_FUSE_REPLY_H_
#define PLYFS_FUZZ_FUSE_REPLY_H_

#include <string_view>

#include "fuse/connection.h"

namespace plyfs::fuzz {

// The errno in it; 0: none.
int ReplyError(std::string_view reply);

// Requires that `reply` is one to `request` (both with their headers) on that connection: whose it is, its
// length, an errno that the kernel takes, a body of the shape and within the size that was asked for.
void CheckReply(std::string_view request, std::string_view reply, const fuse::Connection& connection);

}  // namespace plyfs::fuzz

#endif  // PLYFS_FUZZ_FUSE_REPLY_H_
