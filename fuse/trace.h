// One line a request for the log: what was asked and what was answered (-o debug).
//
// Pure; any thread.
#ifndef PLYFS_FUSE_TRACE_H_
#define PLYFS_FUSE_TRACE_H_

#include <span>
#include <string>
#include <string_view>

#include "fuse/op_table.h"
#include "fuse/wire.h"

namespace plyfs::fuse {

// "field=1 name="x"", by the operation's list of arguments; stops where the body ends.
std::string DescribeArguments(const Operation& operation, std::span<const char> body);

// A name as it may be printed on one line: quoted, with what is not printable as \xHH.
std::string QuoteName(std::string_view name);

// `error` as in the reply (0 or an errno); `bytes` is the length of the reply's body.
std::string DescribeExchange(const Operation& operation, const wire::InHeader& header,
                             std::span<const char> body, int error, size_t bytes);

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_TRACE_H_
