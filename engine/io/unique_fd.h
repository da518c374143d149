// UniqueFd: a file descriptor that closes itself.
//
// Owned by whoever holds it; move-only; any thread.  close(2) is never retried: on Linux the number is free
// again even when it reports EINTR (fs/open.c:close).
#ifndef PLYFS_ENGINE_IO_UNIQUE_FD_H_
#define PLYFS_ENGINE_IO_UNIQUE_FD_H_

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace plyfs {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  // Keeps errno, so that it may stand between a failed call and the look at why it failed.
  void reset(int fd = -1) {
    int old = std::exchange(fd_, fd);
    if (old < 0) return;
    int saved = errno;
    ::close(old);
    errno = saved;
  }

 private:
  int fd_ = -1;
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_UNIQUE_FD_H_
