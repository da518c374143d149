// From an inode to its object on disk: descriptors, checked to be the very object (U3).
//
// Any thread; blocks on the layers.  Upper objects are reached through their names as the tree knows them and
// compared with the remembered identity after opening; a mismatch is tried once more (a rename was under way)
// and is then ESTALE.
#ifndef PLYFS_ENGINE_OPS_LOCATE_H_
#define PLYFS_ENGINE_OPS_LOCATE_H_

#include "engine/ops/parts.h"

namespace plyfs {

// ESTALE: the client names a node that is gone.
Result<InodeRef> FindNode(Parts& parts, NodeId id);
// Likewise; ENOTDIR for anything but a directory.
Result<InodeRef> FindDir(Parts& parts, NodeId id);

// An O_PATH descriptor of a directory's copy in upper.  REQUIRES: dir.is_upper().
Result<SharedFd> UpperDir(Parts& parts, const InodeRef& dir);

// The object in upper; `flags` as openat2 has them.  REQUIRES: inode.is_upper().
Result<UniqueFd> OpenUpper(Parts& parts, const InodeRef& inode, int flags);
// An object of a lower layer; ESTALE if it is another one now.  Atimes of lowers are left alone (C21).
Result<UniqueFd> OpenLower(Parts& parts, const LowerAnchor& anchor, int flags);
// A directory's topmost copy.
Result<UniqueFd> OpenTopDir(Parts& parts, const InodeRef& dir, int flags);
// The visible object: upper if there is one.  A metacopy file is opened itself, without its data.
Result<UniqueFd> OpenObject(Parts& parts, const InodeRef& inode, int flags);
// What reads of a regular file read: the object, or the file that holds a metacopy file's data (L16, L20).
Result<UniqueFd> OpenData(Parts& parts, const InodeRef& inode, int flags);

// Where the visible object is if that is a lower one; of a directory, the topmost copy.
LowerAnchor VisibleLower(const Inode& inode);
// Its entry in its layer's index, where that may be believed; nothing: ask the layer.
std::optional<IndexFile::Held> FindIndexed(Parts& parts, const Inode& inode);

// A directory's lower members, as probe and scan take them.
std::vector<LowerMember> MembersOf(const Inode& dir);
DirLowers LowersOf(Parts& parts, std::vector<LowerMember> members);

// Around a reading of the object's layers whose result may be kept: only where changes made by hand would be
// told, and nothing has changed meanwhile (U2).
class CacheableRead {
 public:
  CacheableRead(Parts& parts, const InodeRef& inode)
      : inode_(inode), watching_(WatchAround(parts, inode)), version_(inode->attr_version()) {}
  // store(version) puts the result into the inode.  False: it may not stay there.
  template <typename Store>
  bool Keep(Store store) {
    if (!watching_.all) return false;
    store(version_);
    if (inode_->AttrWatching() == watching_) return true;
    inode_->DropAttr();
    return false;
  }

 private:
  const InodeRef& inode_;
  const Inode::Watching watching_;
  const uint64_t version_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_LOCATE_H_
