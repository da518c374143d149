// Records: reading and writing the overlay's own xattrs of objects in layers.
//
// Owned by Parts, constant; any thread.  Values are read into bounded buffers and never trusted (L23).
// Descriptors may be O_PATH.
#ifndef PLYFS_ENGINE_LAYER_RECORDS_H_
#define PLYFS_ENGINE_LAYER_RECORDS_H_

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/format/merge_rule.h"
#include "engine/format/xattr_names.h"
#include "engine/io/sys_xattr.h"

namespace plyfs {

class Records {
 public:
  // `others`: other tools' whiteouts and opaque marks count as well (O5).
  explicit Records(bool userxattr, bool others = false) : names_(userxattr, others) {}

  const XattrNames& names() const { return names_; }

  // nullopt: absent, or the filesystem has no xattrs, or (user.*) the object cannot have any.
  Result<std::optional<std::string>> Get(int fd, Record record,
                                         sys::Holds holds = sys::Holds::kAnything) const;
  Status Set(int fd, Record record, std::string_view value) const;
  // Absent is success.
  Status Remove(int fd, Record record) const;

  // Whether names like ".wh.x" are whiteouts (format/whiteout_names.h).
  bool read_whiteout_names() const { return names_.others(); }

  // Whether the object named `name` in `dir`, no directory, may have a record that Read asks for.
  Result<bool> MayHaveAnyAt(int dir, const char* name) const;

  // Fills in what `wanted` asks of the object behind `fd`, which has been found to be finding->found.
  // `opened`: not O_PATH.
  Status Read(int fd, bool opened, const WantedRecords& wanted, Finding* finding) const;

 private:
  // Whether the object may have any record that is asked for.
  Result<bool> MayHaveAny(int fd, sys::Holds holds) const;
  Result<bool> AnyAmong(const Result<std::string>& list) const;
  Result<Opaque> ReadOpaque(int fd, sys::Holds holds) const;

  const XattrNames names_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_RECORDS_H_
