// Claims: which lower object each object of upper says to be a copy of, and who else says so.
//
// Owned by CheckUpper; main's thread.  Keeps a path for every object that was copied up.
#ifndef PLYFS_TOOLS_PLYCTL_CHECK_CLAIMS_H_
#define PLYFS_TOOLS_PLYCTL_CHECK_CLAIMS_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/string_map.h"
#include "engine/format/anchor.h"
#include "engine/format/lower_path.h"
#include "engine/format/record_faults.h"
#include "engine/layer/origin_store.h"

namespace plyfs::tool {

struct CheckedStack;
class CheckReport;

class Claims {
 public:
  Claims(const CheckedStack& stack, CheckReport* report) : stack_(stack), report_(report) {}

  void CheckRoot(const RecordSet& set);
  // `fd` holds the object, whose records `set` has.
  // Each name of a file, and the file once.
  void CountName(const struct statx& st);
  void CheckFile(const LowerPath& path, int fd, const struct statx& st, RecordSet* set);
  // `merged`: the topmost lower directory that joins it; unknown: none, or the lowers are not known.
  void CheckDirectory(const LowerPath& path, int fd, const ObjectId& merged, RecordSet* set);
  // Where the lowers are not known.
  void CheckOwnRedirect(const LowerPath& path, const RecordSet& set);
  // Whether listings have to look for the number of what it is a copy of.
  bool IsCopy(const RecordSet& set) const;
  // What only the whole of upper tells: link counts.
  void Finish();

 private:
  struct Links {
    LowerPath path;  // of the first name
    std::string record;
    std::optional<int64_t> claimed;  // by the record, where what it is relative to is known
    int64_t in_lower = 0;            // at most; 0: not known
    int64_t in_upper = 0;
  };
  // Whether what origins lead to can be found out.
  bool readable() const;
  OriginStore::Found CheckOrigin(const LowerPath& path, int fd, bool merged, RecordSet* set);
  void CheckLinks(const LowerPath& path, int fd, const struct statx& st, uint32_t lower_links,
                  RecordSet* set);

  const CheckedStack& stack_;
  CheckReport* const report_;
  StringMap<LowerPath> by_origin_;                     // files
  absl::flat_hash_map<ObjectId, LowerPath> by_lower_;  // merged directories
  StringMap<LowerPath> by_redirect_;                   // directories, where the lowers are not known
  absl::flat_hash_map<uint64_t, Links> links_;         // of indexed objects
};

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_CHECK_CLAIMS_H_
