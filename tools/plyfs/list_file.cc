#include "tools/plyfs/list_file.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <optional>

#include "engine/format/option_text.h"
#include "engine/io/unique_fd.h"

namespace plyfs::tool {

Result<std::string> ReadListFile(std::string_view name) {
  UniqueFd opened;
  int fd = -1;
  if (std::optional<uint64_t> number = ParseNumber(name, INT_MAX)) {
    fd = static_cast<int>(*number);
  } else {
    opened.reset(::open(std::string(name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) return LastErrno();
    fd = opened.get();
  }
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    if (n == 0) return text;
    if (n < 0 && errno != EINTR) return LastErrno();
  }
}

}  // namespace plyfs::tool
