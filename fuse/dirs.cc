// Open directories: opendir, the two ways of listing, releasedir.
#include "fuse/handlers.h"

namespace plyfs::fuse {

Status HandleOpenDir(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::OpenIn>());
  PLY_TRY(const auto opened, x.fs().OpenDir(x.caller(), x.node(), args.flags));
  x.Put(Encoder::Open(opened));
  return OkStatus();
}

Status HandleReadDir(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::ReadIn>());
  ListingWriter listing(x.Room(args.size));
  PLY_CHECK(x.fs().ReadDir(x.node(), args.fh, args.offset,
                           [&](const DirEntry& entry) { return listing.Add(entry); }));
  x.Commit(listing.size());
  return OkStatus();
}

Status HandleReadDirPlus(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::ReadIn>());
  ListingWriter listing(x.Room(args.size));
  const auto sink = [&](const DirEntry& entry, const Entry& attributes) {
    return listing.AddPlus(entry, attributes.node != 0 ? x.encoder().Entry(attributes) : wire::EntryOut{});
  };
  const Status status = x.fs().ReadDirPlus(x.caller(), x.node(), args.fh, args.offset, sink);
  x.Commit(listing.size());
  // Entries written before the failure raised lookup counts: they are delivered, and the next call fails.
  return listing.size() > 0 ? OkStatus() : status;
}

Status HandleReleaseDir(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::ReleaseIn>());
  x.fs().ReleaseDir(x.node(), args.fh);
  return OkStatus();
}

Status HandleFsyncDir(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::FsyncIn>());
  return x.fs().FsyncDir(x.node(), args.fh, (args.fsync_flags & wire::kFsyncDataOnly) != 0);
}

void CloseOpenedDir(Exchange& x) {
  x.fs().ReleaseDir(x.node(), x.ReplyAs<wire::OpenOut>().fh);
}

void ForgetListing(Exchange& x) {
  ForEachListedNode(x.reply(), [&](uint64_t node) { x.fs().Forget(node, 1); });
}

}  // namespace plyfs::fuse
