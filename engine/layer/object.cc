#include "engine/layer/object.h"

#include <sys/sysmacros.h>

namespace plyfs {
namespace {

TimeSpec TimeOf(const struct statx_timestamp& t) {
  return TimeSpec{t.tv_sec, t.tv_nsec};
}

}  // namespace

ObjectId ObjectIdOf(const struct statx& st) {
  ObjectId id;
  id.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
  id.ino = st.stx_ino;
  if (st.stx_mask & STATX_BTIME) {
    id.birth = static_cast<uint64_t>(st.stx_btime.tv_sec) * 1000000000u + st.stx_btime.tv_nsec;
  }
  return id;
}

Attr AttrOf(const struct statx& st) {
  Attr attr;
  attr.ino = st.stx_ino;
  attr.size = st.stx_size;
  attr.blocks = st.stx_blocks;
  attr.atime = TimeOf(st.stx_atime);
  attr.mtime = TimeOf(st.stx_mtime);
  attr.ctime = TimeOf(st.stx_ctime);
  if (st.stx_mask & STATX_BTIME) attr.btime = TimeOf(st.stx_btime);
  attr.mode = st.stx_mode;
  attr.nlink = st.stx_nlink;
  attr.uid = st.stx_uid;
  attr.gid = st.stx_gid;
  attr.rdev_major = st.stx_rdev_major;
  attr.rdev_minor = st.stx_rdev_minor;
  attr.blksize = st.stx_blksize;
  return attr;
}

Found FoundOf(const struct statx& st) {
  return FoundOf(st.stx_mode, st.stx_rdev_major, st.stx_rdev_minor, st.stx_size);
}

}  // namespace plyfs
