#include "tests/differential/inode_pairs.h"

#include <fcntl.h>
#include <unistd.h>

namespace plyfs::diff {

std::string InodePairs::Match(uint64_t a, uint64_t b, const std::string& subject) {
  auto [at_a, new_a] = to_b_.try_emplace(a, Partner{b, subject});
  auto [at_b, new_b] = to_a_.try_emplace(b, Partner{a, subject});
  if (at_a->second.ino == b && at_b->second.ino == a) return "";
  const bool a_known = !new_a;
  const Partner& seen = a_known ? at_a->second : at_b->second;
  std::string text = "inode numbers " + std::to_string(a) + " and " + std::to_string(b) + ", but " +
                     std::to_string(a_known ? a : b) + " was paired with " + std::to_string(seen.ino) +
                     " as " + seen.subject;
  // The pair that contradicts is not kept: one difference must not become many.
  if (new_a) to_b_.erase(at_a);
  if (new_b) to_a_.erase(at_b);
  return text;
}

void InodePairs::Forget(uint64_t a, uint64_t b) {
  to_b_.erase(a);
  to_a_.erase(b);
}

void Pins::Hold(const std::string& upper, const std::string& path) {
  if (path.empty()) return;
  int fd = open((upper + "/" + path).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) fds_.push_back(fd);
}

void Pins::Release() {
  for (int fd : fds_) close(fd);
  fds_.clear();
}

}  // namespace plyfs::diff
