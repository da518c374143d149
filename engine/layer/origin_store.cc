#include "engine/layer/origin_store.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "engine/io/sys_creds.h"
#include "engine/io/sys_handle.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"

namespace plyfs {

std::unique_ptr<OriginStore> OriginStore::Open(const LayerStack& stack, bool zero_uuid) {
  auto store = std::make_unique<OriginStore>();
  store->zero_uuid_ = zero_uuid;
  LayerId all = stack.lower_count() + stack.data_count();
  for (LayerId id = 0; id < all; ++id) {
    const Layer& layer = stack.lower(id);
    bool known = std::any_of(store->filesystems_.begin(), store->filesystems_.end(),
                             [&](const Filesystem& fs) { return fs.dev == layer.device(); });
    if (known) continue;
    Result<UniqueFd> mount = layer.OpenAt(LowerPath(), O_RDONLY | O_DIRECTORY);
    if (!mount.ok()) continue;
    // Opening by handle is refused without the capability, whatever the handle: so ask for the root's own.
    Result<sys::FileHandle> handle = sys::NameToHandleAt(mount->get());
    if (!handle.ok() || !sys::OpenByHandleAt(mount->get(), *handle, O_PATH).ok()) continue;
    store->filesystems_.push_back(Filesystem{layer.uuid(), layer.device(), *std::move(mount)});
  }
  store->privileged_ = !store->filesystems_.empty();
  return store;
}

Result<std::string> OriginStore::Make(const Layer& layer, int fd) const {
  if (!privileged_) return std::string();
  Result<sys::FileHandle> handle = sys::NameToHandleAt(fd);
  for (int has_none : {EOPNOTSUPP, EOVERFLOW, ENOSYS, EPERM}) {
    if (handle.error() == has_none) return std::string();
  }
  if (!handle.ok()) return handle.status();
  OriginHandle origin;
  origin.type = static_cast<uint8_t>(handle->type);
  if (!zero_uuid_) origin.uuid = layer.uuid();
  origin.handle = handle->bytes;
  return EncodeOrigin(origin).value_or(std::string());
}

namespace {

// Not of the record, nor of the object that it names.
bool MayPass(int error) {
  return error == EIO || error == ENOMEM || error == EMFILE || error == ENFILE;
}

}  // namespace

OriginStore::Found OriginStore::Look(std::string_view value, uint32_t type) const {
  Found found;
  std::optional<OriginHandle> origin = DecodeOrigin(value);
  if (!origin || origin->of_upper) return found;
  found.fate = Found::kElsewhere;
  for (const Filesystem& fs : filesystems_) {
    if (origin->uuid != fs.uuid && origin->uuid != FsUuid{}) continue;
    if (found.fate == Found::kElsewhere) found.fate = Found::kGone;
    Result<UniqueFd> fd =
        sys::OpenByHandleAt(fs.mount.get(), sys::FileHandle{origin->type, origin->handle}, O_PATH);
    Result<struct statx> st = fd.ok() ? sys::StatxFd(fd->get()) : fd.status();
    if (!st.ok()) {
      if (MayPass(st.error())) found.error = st.error();
      continue;
    }
    found.fate = (st->stx_mode & S_IFMT) == type ? Found::kFound : Found::kOtherType;
    found.object = ObjectIdOf(*st);
    found.nlink = st->stx_nlink;
    if (found.fate == Found::kFound) break;
  }
  return found;
}

Result<std::optional<ObjectId>> OriginStore::Find(std::string_view value, uint32_t type) const {
  const Found found = Look(value, type);
  if (found.fate != Found::kFound && found.error != 0) return Errno(found.error);
  if (found.fate != Found::kFound) return std::optional<ObjectId>();
  // Several copies may stem from a file with several links, and numbers are unique (S4, S6;
  // fs/overlayfs/inode.c:ovl_getattr).
  if (type != S_IFDIR && found.nlink > 1) return std::optional<ObjectId>();
  return std::optional<ObjectId>(found.object);
}

}  // namespace plyfs
