// StatInode: the attributes of an object as the merged tree shows them (semantics S).
//
// Any thread; blocks on the layers unless the attributes are cached.
#ifndef PLYFS_ENGINE_OPS_STAT_INODE_H_
#define PLYFS_ENGINE_OPS_STAT_INODE_H_

#include "engine/ops/parts.h"

namespace plyfs {

// ESTALE: the object is not where it was.  `kept`: whether a change by hand would be told from now on.
Result<Attr> StatInode(Parts& parts, const InodeRef& inode, bool* kept = nullptr);

// From the layer's attributes to the tree's: number (S1), link count (S7, S10), blocks (S11).
Attr PresentAttr(Parts& parts, const InodeRef& inode, const struct statx& st);

// The merged tree's number of a layer's object (S1, S4).
uint64_t MapIno(const Parts& parts, const ObjectId& object);
// Whether a copied-up object may have no origin that can be read again (X3, C15): its number then lasts as
// long as its inode, and upper's own follows.
bool NumbersMayGo(const Parts& parts);

// Answers to the client.
Entry MakeEntry(Parts& parts, const Inode& dir, Name name, const Inode& inode, const Attr& attr, bool kept);
AttrReply MakeAttrReply(Parts& parts, const Inode& inode, const Attr& attr, bool kept);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_OPS_STAT_INODE_H_
