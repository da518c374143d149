#include "engine/layer/in_use.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string_view>
#include <thread>

#include "engine/format/option_text.h"
#include "engine/io/mount_table.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

// Of the value of `key` among a mount's options; empty: it is not there.
std::string OptionValue(std::string_view options, std::string_view key) {
  while (!options.empty()) {
    std::string_view option = options.substr(0, options.find(','));
    if (option.starts_with(key)) return UnescapeOctal(option.substr(key.size()));
    options.remove_prefix(std::min(option.size() + 1, options.size()));
  }
  return {};
}

// The directory that a mount names; nothing where it cannot be told (a relative path is its mounter's).
ObjectId DirectoryAt(const std::string& path) {
  if (path.empty() || path.front() != '/') return ObjectId();
  Result<UniqueFd> fd = sys::OpenAt2(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
  if (!fd.ok()) return ObjectId();
  Result<struct statx> st = sys::StatxFd(fd->get());
  return st.ok() ? ObjectIdOf(*st) : ObjectId();
}

}  // namespace

bool LockDirectory(int fd, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string LockHolder(const ObjectId& dir) {
  pid_t pid = FlockHolder(dir.dev, dir.ino);
  return pid == 0 ? std::string() : " (pid " + std::to_string(pid) + ")";
}

std::optional<KernelUse> UsedByKernel(const ObjectId& upper, const ObjectId& work) {
  for (const MountLine& line : ReadMountTable()) {
    if (line.type != "overlay") continue;
    for (const char* key : {"upperdir=", "workdir="}) {
      // As it was given: the kernel takes the backslashes away only to find the directory.
      ObjectId used = DirectoryAt(Unescape(OptionValue(line.super_options, key)));
      if (!used.known()) continue;
      if (used == upper || used == work) return KernelUse{line.point, used == work};
    }
  }
  return std::nullopt;
}

}  // namespace plyfs
