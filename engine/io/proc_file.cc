#include "engine/io/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "engine/io/spare_descriptors.h"
#include "engine/io/unique_fd.h"

namespace plyfs {
namespace {

UniqueFd OpenProcFile(const char* path) {
  for (int attempt = 0;; ++attempt) {
    UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    const bool none_left = !fd && (errno == EMFILE || errno == ENFILE);
    if (!none_left || !sys::MakeRoomForDescriptors(attempt)) return fd;
  }
}

}  // namespace

std::string ReadProcFile(const std::string& path) {
  std::string text;
  UniqueFd fd = OpenProcFile(path.c_str());
  if (!fd) return text;
  char buffer[1 << 16];
  for (;;) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return text;
  }
}

}  // namespace plyfs
