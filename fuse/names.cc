// Operations on names: lookup, what makes and what removes a name, rename.
#include "fuse/handlers.h"

namespace plyfs::fuse {
namespace {

Status PutEntry(Exchange& x, const Result<Entry>& entry) {
  if (!entry) return entry.status();
  x.Put(x.encoder().Entry(*entry));
  return OkStatus();
}

Status Rename(Exchange& x, NodeId new_parent, uint32_t flags) {
  PLY_TRY(const Name name, x.in.Component());
  PLY_TRY(const Name new_name, x.in.Component());
  return x.fs().Rename(x.caller(), x.node(), name, new_parent, new_name, flags);
}

}  // namespace

Status HandleLookup(Exchange& x) {
  PLY_TRY(const Name name, x.in.Component());
  return PutEntry(x, x.fs().Lookup(x.caller(), x.node(), name));
}

Status HandleMkNod(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::MkNodIn>());
  PLY_TRY(const Name name, x.in.Component());
  // The kernel's new_encode_dev is the low half of the C library's dev_t.
  return PutEntry(x, x.fs().MakeNode(x.caller(args.umask), x.node(), name, args.mode, args.rdev));
}

Status HandleMkDir(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::MkDirIn>());
  PLY_TRY(const Name name, x.in.Component());
  return PutEntry(x, x.fs().MakeDir(x.caller(args.umask), x.node(), name, args.mode));
}

Status HandleSymlink(Exchange& x) {
  PLY_TRY(const Name name, x.in.Component());
  PLY_TRY(const auto target, x.in.String());
  return PutEntry(x, x.fs().Symlink(x.caller(), x.node(), name, target));
}

Status HandleLink(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::LinkIn>());
  PLY_TRY(const Name name, x.in.Component());
  return PutEntry(x, x.fs().Link(x.caller(), args.oldnodeid, x.node(), name));
}

Status HandleUnlink(Exchange& x) {
  PLY_TRY(const Name name, x.in.Component());
  return x.fs().Unlink(x.caller(), x.node(), name);
}

Status HandleRmDir(Exchange& x) {
  PLY_TRY(const Name name, x.in.Component());
  return x.fs().RemoveDir(x.caller(), x.node(), name);
}

Status HandleRename(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::RenameIn>());
  return Rename(x, args.newdir, 0);
}

Status HandleRename2(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::Rename2In>());
  return Rename(x, args.newdir, args.flags);
}

void ForgetEntry(Exchange& x) {
  const auto entry = x.ReplyAs<wire::EntryOut>();
  if (entry.nodeid != 0) x.fs().Forget(entry.nodeid, 1);
}

}  // namespace plyfs::fuse
