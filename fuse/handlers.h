// The handlers of all operations: decode the arguments, call the engine once, encode the answer.
//
// Called by the dispatcher with a body of at least the length that the operation's row says; any thread.
// Arguments that do not decode are EINVAL before anything is done.
#ifndef PLYFS_FUSE_HANDLERS_H_
#define PLYFS_FUSE_HANDLERS_H_

#include "engine/base/result.h"
#include "fuse/exchange.h"

namespace plyfs::fuse {

// names.cc
Status HandleLookup(Exchange& x);
Status HandleMkNod(Exchange& x);
Status HandleMkDir(Exchange& x);
Status HandleSymlink(Exchange& x);
Status HandleLink(Exchange& x);
Status HandleUnlink(Exchange& x);
Status HandleRmDir(Exchange& x);
Status HandleRename(Exchange& x);
Status HandleRename2(Exchange& x);

// attrs.cc
Status HandleGetAttr(Exchange& x);
Status HandleStatx(Exchange& x);
Status HandleSetAttr(Exchange& x);
Status HandleReadLink(Exchange& x);

// files.cc
Status HandleOpen(Exchange& x);
Status HandleCreate(Exchange& x);
Status HandleTmpFile(Exchange& x);
Status HandleRead(Exchange& x);
Status HandleWrite(Exchange& x);
Status HandleRelease(Exchange& x);
Status HandleFsync(Exchange& x);
Status HandleFallocate(Exchange& x);
Status HandleLseek(Exchange& x);
Status HandleCopyFileRange(Exchange& x);
Status HandleCopyFileRange64(Exchange& x);

// dirs.cc
Status HandleOpenDir(Exchange& x);
Status HandleReadDir(Exchange& x);
Status HandleReadDirPlus(Exchange& x);
Status HandleReleaseDir(Exchange& x);
Status HandleFsyncDir(Exchange& x);

// xattrs.cc
Status HandleGetXattr(Exchange& x);
Status HandleListXattr(Exchange& x);
Status HandleSetXattr(Exchange& x);
Status HandleRemoveXattr(Exchange& x);

// control.cc
Status HandleForget(Exchange& x);
Status HandleBatchForget(Exchange& x);
Status HandleStatFs(Exchange& x);
Status HandleIoctl(Exchange& x);
Status HandleDestroy(Exchange& x);

// Taking back what only the client would have known: called with the reply that it never got.
void ForgetEntry(Exchange& x);     // names.cc
void ForgetCreated(Exchange& x);   // files.cc
void CloseOpened(Exchange& x);     // files.cc
void CloseOpenedDir(Exchange& x);  // dirs.cc
void ForgetListing(Exchange& x);   // dirs.cc

}  // namespace plyfs::fuse

#endif  // PLYFS_FUSE_HANDLERS_H_
