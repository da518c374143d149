// The overlay's records of one object in upper: reading them all, and mending what is wrong in themselves.
//
// Stateless; any thread; blocks on the layer.
#ifndef PLYFS_TOOLS_PLYCTL_CHECK_RECORDS_H_
#define PLYFS_TOOLS_PLYCTL_CHECK_RECORDS_H_

#include <sys/stat.h>

#include <string>

#include "engine/base/result.h"
#include "engine/format/record_faults.h"
#include "engine/layer/records.h"
#include "tools/plyctl/check_report.h"

namespace plyfs::tool {

struct ObjectRecords {
  RecordSet set;
  bool other_family =
      false;             // it has records of trusted.overlay.* where user.overlay.* is read, or the reverse
  bool unknown = false;  // a private name that no version known here uses
};

// Of what `fd` (O_PATH or not) holds.
Result<ObjectRecords> ReadAllRecords(int fd, const struct statx& st, bool is_root, const Records& records);

// Reports each fault of the records themselves, and mends those that can be, in `set` too.
void CheckRecords(std::string_view path, int fd, const Records& records, RecordSet* set, CheckReport* report);

// A record's name as messages have it: "overlay.redirect", with its value where that says something.
std::string NameOf(Record record, const Records& records);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_CHECK_RECORDS_H_
