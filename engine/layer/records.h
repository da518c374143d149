// Records: reading and writing the overlay's own xattrs of objects in layers.
//
// Owned by Parts, constant; any thread.  Values are read into bounded buffers and never trusted (L23).
// Descriptors may be O_PATH.
#ifndef PLYFS_ENGINE_LAYER_RECORDS_H_
#define PLYFS_ENGINE_LAYER_RECORDS_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/format/merge_rule.h"
#include "engine/format/xattr_names.h"

namespace plyfs {

class Records {
 public:
  explicit Records(bool userxattr) : names_(userxattr) {}

  const XattrNames& names() const { return names_; }

  // nullopt: absent, or the filesystem has no xattrs, or (user.*) the object cannot have any.
  Result<std::optional<std::string>> Get(int fd, Record record) const;
  Status Set(int fd, Record record, std::string_view value) const;
  // Absent is success.
  Status Remove(int fd, Record record) const;

  // Fills in what `wanted` asks of the object behind `fd`.
  Status Read(int fd, const WantedRecords& wanted, Finding* finding) const;

 private:
  // Whether the object may have any of them.
  Result<bool> MayHave(int fd, std::initializer_list<Record> records) const;

  const XattrNames names_;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_RECORDS_H_
