#include "engine/layer/upper_clone.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

// The longest path that both lie at or beneath.
std::string CommonAncestor(std::string_view a, std::string_view b) {
  size_t end = 0;
  for (size_t i = 0;; ++i) {
    bool a_parts = i == a.size() || a[i] == '/', b_parts = i == b.size() || b[i] == '/';
    if (a_parts && b_parts) end = i;
    if (i == a.size() || i == b.size() || a[i] != b[i]) break;
  }
  return end == 0 ? "/" : std::string(a.substr(0, end));
}

std::string Beneath(const std::string& ancestor, const std::string& path) {
  size_t skip = ancestor == "/" ? 1 : ancestor.size() + 1;
  return path.size() <= skip ? "." : path.substr(skip);
}

// The directory at `path` in the clone, if it is the very one that `original` is.
Result<UniqueFd> Again(int clone, const std::string& path, int original, int flags) {
  PLY_TRY(UniqueFd fd, sys::OpenBeneath(clone, path.c_str(), flags | O_DIRECTORY));
  PLY_TRY(struct statx now, sys::StatxFd(fd.get()));
  PLY_TRY(struct statx before, sys::StatxFd(original));
  if (!(ObjectIdOf(now) == ObjectIdOf(before))) return Errno(ESTALE);
  return fd;
}

Status TryLookBeneath(int upper, UniqueFd* work) {
  PLY_TRY(std::string upper_path, CanonicalPathOf(upper));
  PLY_TRY(std::string work_path, CanonicalPathOf(work->get()));
  std::string top = CommonAncestor(upper_path, work_path);
  PLY_TRY(UniqueFd ancestor, sys::OpenAt2(AT_FDCWD, top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0));
  PLY_TRY(UniqueFd clone, sys::OpenTreeClone(ancestor.get()));
  PLY_TRY(UniqueFd upper_again, Again(clone.get(), Beneath(top, upper_path), upper, O_PATH));
  PLY_TRY(UniqueFd work_again, Again(clone.get(), Beneath(top, work_path), work->get(), O_RDONLY));
  // The layer's root keeps its descriptor's number.
  if (::dup3(upper_again.get(), upper, O_CLOEXEC) < 0) return LastErrno();
  *work = std::move(work_again);
  return OkStatus();
}

}  // namespace

void LookBeneathSubmounts(const Layer& upper, UniqueFd* work) {
  // Best effort: whatever fails, both are as they were.
  (void)TryLookBeneath(upper.root(), work);
}

}  // namespace plyfs
