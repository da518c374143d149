#include "engine/layer/layer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>

#include "engine/base/asked_layer.h"
#include "engine/io/sys_dir.h"
#include "engine/io/sys_handle.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/index_file.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

// Filesystems that answer over a network or through another process.
bool IsSlow(const struct statfs& fs) {
  switch (static_cast<uint32_t>(fs.f_type)) {
    case 0x65735546:  // FUSE
    case 0x6969:      // NFS
    case 0xff534d42:  // CIFS
    case 0xfe534d42:  // SMB2
    case 0x01021997:  // 9p
    case 0x00c36400:  // Ceph
    case 0x5346414f:  // AFS
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::string> CanonicalPathOf(int fd) {
  return sys::ReadLinkAt(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str());
}

Layer::Layer(LayerId id, std::string path) : id_(id), path_(std::move(path)) {}

Layer::~Layer() = default;

Result<std::unique_ptr<Layer>> Layer::Open(LayerId id, const std::string& path) {
  std::unique_ptr<Layer> layer(new Layer(id, path));
  PLY_TRY(layer->opened_, sys::OpenAt2(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0));
  int root = layer->opened_.get();
  layer->root_.store(root, std::memory_order_release);
  PLY_TRY(struct statx st, sys::StatxFd(root));
  layer->root_id_ = ObjectIdOf(st);
  PLY_TRY(struct statfs fs, sys::FStatFs(root));
  layer->slow_ = IsSlow(fs);
  layer->name_max_ = static_cast<uint32_t>(fs.f_namelen);
  if (Result<FsUuid> uuid = sys::FilesystemUuid(root); uuid.ok()) layer->uuid_ = *uuid;
  if (Result<uint64_t> subvolume = sys::Subvolume(root); subvolume.ok()) layer->subvolume_ = *subvolume;
  return layer;
}

std::string Layer::CanonicalPath() const {
  return CanonicalPathOf(opened_.get()).value_or(path_);
}

Result<UniqueFd> Layer::OpenAt(const LowerPath& path, int flags) const {
  return OpenAt(path.ToString(), flags);
}

Result<UniqueFd> Layer::OpenAt(const std::string& path, int flags) const {
  AskedLayer::Note(id_);
  Result<UniqueFd> fd = sys::OpenBeneath(root(), path.c_str(), flags);
  if (fd.error() != EXDEV) return fd;
  PLY_CHECK(UncoverSubmounts());
  fd = sys::OpenBeneath(root(), path.c_str(), flags);
  return fd.error() == EXDEV ? Result<UniqueFd>(Errno(EREMOTE)) : std::move(fd);
}

Status Layer::UncoverSubmounts() const {
  {
    MutexLock lock(clone_mu_);
    if (clone_.valid()) return OkStatus();
  }
  Result<UniqueFd> clone = sys::OpenTreeClone(opened_.get());
  if (!clone.ok()) return Errno(EREMOTE);
  MutexLock lock(clone_mu_);
  // Who came second closes its own clone: the first may be in use already.
  if (clone_.valid()) return OkStatus();
  clone_ = *std::move(clone);
  root_.store(clone_.get(), std::memory_order_release);
  return OkStatus();
}

}  // namespace plyfs
