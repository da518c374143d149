// CheckUpper: goes through an upper directory, alone or against the lower ones beneath it, and reports what
// is wrong with whiteouts, redirects, origins and the other records.
//
// Main's thread; nobody else may use upper meanwhile.  What upper holds leads it nowhere: it holds one
// directory open at a time, follows no symlink, enters no other mount, and goes back by "..", looking whether
// that is where it came from.  Its memory grows with the names of the directories on its way.
#ifndef PLYFS_TOOLS_PLYCTL_CHECK_UPPER_H_
#define PLYFS_TOOLS_PLYCTL_CHECK_UPPER_H_

#include "engine/base/result.h"
#include "engine/layer/layer_stack.h"
#include "engine/layer/origin_store.h"
#include "engine/layer/records.h"
#include "tools/plyctl/check_report.h"
#include "tools/plyctl/check_work.h"

namespace plyfs::tool {

struct CheckedStack {
  int upper = -1;                      // its root
  const LayerStack* lowers = nullptr;  // null: not known, nothing is said of what records lead to
  const OriginStore* origins = nullptr;
  const Records& records;
  const CheckedWork* work = nullptr;  // null: not known
};

// An error: it could not go on, at *at.
Status CheckUpper(const CheckedStack& stack, CheckReport* report, std::string* at);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYCTL_CHECK_UPPER_H_
