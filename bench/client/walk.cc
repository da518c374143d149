#include "bench/client/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

namespace plyfs::bench {
namespace {

struct Count {
  uint64_t names = 0;
  std::string error;
};

bool IsDots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

void WalkBelow(int parent, const char* name, Count& count) {
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* dir = fd < 0 ? nullptr : ::fdopendir(fd);
  if (dir == nullptr) {
    if (errno == ENOENT) return;  // not every layer holds every directory
    count.error = std::string(name) + ": " + std::strerror(errno);
    return;
  }
  while (const dirent* entry = ::readdir(dir)) {
    if (IsDots(entry->d_name)) continue;
    struct stat st;
    if (::fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    ++count.names;
    if (S_ISDIR(st.st_mode)) WalkBelow(fd, entry->d_name, count);
  }
  ::closedir(dir);
}

}  // namespace

Outcome Walk(const std::vector<std::string>& roots, int threads) {
  Outcome outcome;
  const Clock::time_point begin = Clock::now();
  std::atomic<size_t> next{0};
  std::mutex mu;
  std::vector<std::thread> walkers;
  for (int i = 0; i < threads; ++i) {
    walkers.emplace_back([&] {
      Count count;
      for (size_t at = next++; at < roots.size(); at = next++) WalkBelow(AT_FDCWD, roots[at].c_str(), count);
      const std::lock_guard<std::mutex> lock(mu);
      outcome.ops += count.names;
      if (!count.error.empty()) outcome.error = count.error;
    });
  }
  for (std::thread& walker : walkers) walker.join();
  outcome.ns = static_cast<uint64_t>(std::chrono::nanoseconds(Clock::now() - begin).count());
  return outcome;
}

}  // namespace plyfs::bench
