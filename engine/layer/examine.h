// Examine: what one layer has at a path, as far as the merge rule wants to know.
//
// Stateless; any thread; blocks on the layer.  What ProbeName (probe.h) is made of.
#ifndef PLYFS_ENGINE_LAYER_EXAMINE_H_
#define PLYFS_ENGINE_LAYER_EXAMINE_H_

#include <fcntl.h>
#include <sys/stat.h>

#include "engine/base/result.h"
#include "engine/format/merge_rule.h"
#include "engine/io/batch.h"
#include "engine/io/unique_fd.h"
#include "engine/layer/index_file.h"
#include "engine/layer/layer.h"
#include "engine/layer/records.h"

namespace plyfs {

// A directory, for its names.  Reading a lower one leaves its atime alone (C21).
inline constexpr int kToRead = O_RDONLY | O_DIRECTORY | O_NOATIME;

// An errno that says no more than that there is no such object (L2).
bool IsNotHere(int error);
// The errno of any other failure.
Result<bool> IsThere(const Result<UniqueFd>& opened);

// An object of one layer.
struct Examined {
  UniqueFd fd;
  bool readable = false;  // not O_PATH
  struct statx st = {};
  Finding finding;
};

// What was opened, with its attributes, or the errno.
ProbeOutcome OutcomeOf(Result<UniqueFd> opened);

// `opened` has been opened (O_PATH, or else `to_read`) and examined by stat, or says why not; `known`: what
// its records say, where they have been read.  Absent (Found::kAbsent): it is not here.
Result<Examined> Examine(const Records& records, const MergeFold& fold, ProbeOutcome opened, bool to_read,
                         const Finding* known = nullptr);
// The same of what the layer's index has.
Examined ExamineIndexed(const Records& records, const MergeFold& fold, const Layer& layer,
                        const IndexFile::Answer& answer);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_EXAMINE_H_
