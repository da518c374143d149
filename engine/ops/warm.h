// The warm halves: operations answered from what is known, by the thread that read the request.
//
// Any thread.  They see the tree only and are linked into a library that cannot reach I/O, so that they
// cannot block by construction: no system call, no allocation but what the answer itself needs.  Nothing
// means "something is not known": the cold half in the file of the operation's name loads it.
#ifndef PLYFS_ENGINE_OPS_WARM_H_
#define PLYFS_ENGINE_OPS_WARM_H_

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/name.h"
#include "engine/base/result.h"
#include "engine/format/xattr_names.h"
#include "engine/ops/open_files.h"
#include "engine/ops/request.h"
#include "engine/tree/tree.h"

namespace plyfs::warm {

// lookup_warm.cc.  A present name's lookup count is raised.
std::optional<Result<Entry>> Lookup(Tree& tree, NodeId parent, Name name);

// get_attr_warm.cc
std::optional<Result<AttrReply>> GetAttr(Tree& tree, NodeId node);

// read_link_warm.cc
std::optional<Result<std::string>> ReadLink(Tree& tree, NodeId node);

// get_xattr_warm.cc.  ENODATA for security.capability where the object is known to have none.
std::optional<Result<std::string>> GetXattr(Tree& tree, NodeId node, std::string_view stored);

// list_xattr_warm.cc.  Lists that show trusted.* are left to who may ask about the caller.
std::optional<Result<std::string>> ListXattr(Tree& tree, const XattrNames& names, NodeId node, size_t room);
// Of an object's xattrs as its layer stores them, what a client with so much room is shown; all of them if it
// only asks for the room it needs.
Result<std::string> ShownXattrs(const XattrNames& names, std::string stored, size_t room);

// open_dir_warm.cc.
// `atime_due`: reading the directory is to move its atime (C21), so the client is to come for the listing.
Opened OpenDir(HandleTable<plyfs::OpenDir>& dirs, const InodeRef& dir, uint32_t flags, bool atime_due);

}  // namespace plyfs::warm

#endif  // PLYFS_ENGINE_OPS_WARM_H_
