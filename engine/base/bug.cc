#include "engine/base/bug.h"

#include <cstdlib>

#include "engine/base/log.h"

namespace plyfs {

Errno ReportBug(const char* what, const char* file, int line) {
  Logf("BUG at %s:%d: %s", file, line, what);
#ifdef PLYFS_DEBUG
  std::abort();
#endif
  return Errno(EIO);
}

}  // namespace plyfs
