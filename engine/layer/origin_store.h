// OriginStore: makes overlay.origin records of lower objects and finds the lower object that a record names.
//
// Owned by Parts, constant after Open; any thread.  Without privilege (CAP_DAC_READ_SEARCH in the initial
// namespace) records are written empty and none is found (X3).
#ifndef PLYFS_ENGINE_LAYER_ORIGIN_STORE_H_
#define PLYFS_ENGINE_LAYER_ORIGIN_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/format/anchor.h"
#include "engine/format/origin.h"
#include "engine/layer/layer_stack.h"

namespace plyfs {

class OriginStore {
 public:
  // `zero_uuid`: uuid=off (M27).
  static std::unique_ptr<OriginStore> Open(const LayerStack& stack, bool zero_uuid);

  // The record's value for the object behind `fd` in `layer`; empty where it cannot be named, for good.  Any
  // errno by which it could not be had this time (fs/overlayfs/copy_up.c:ovl_encode_real_fh).
  Result<std::string> Make(const Layer& layer, int fd) const;
  // Whether what is recorded can be found again.
  bool readable() const { return privileged_; }
  // The object, if it is still there and of type `type` (S_IFMT bits): an error only where that could not be
  // learnt this time (EIO, ENOMEM, EMFILE, ENFILE; fs/overlayfs/namei.c:ovl_check_origin).
  Result<std::optional<ObjectId>> Find(std::string_view value, uint32_t type) const;
  // The same, and why there is none.
  struct Found {
    enum Fate : uint8_t {
      kUnknown,    // the record names nothing
      kElsewhere,  // something of a filesystem that no lower lies on
      kGone,
      kOtherType,
      kFound,
    } fate = kUnknown;
    ObjectId object{};
    uint32_t nlink = 0;
    int error = 0;  // what it could not be looked for by, this time
  };
  Found Look(std::string_view value, uint32_t type) const;

 private:
  struct Filesystem {
    FsUuid uuid;
    uint64_t dev;
    UniqueFd mount;  // any readable object of it, to open by handle
  };
  std::vector<Filesystem> filesystems_;
  bool zero_uuid_ = false;
  bool privileged_ = false;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_ORIGIN_STORE_H_
