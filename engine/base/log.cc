#include "engine/base/log.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace plyfs {
namespace {

void ToStderr(std::string_view line) {
  std::fprintf(stderr, "plyfs: %.*s\n", static_cast<int>(line.size()), line.data());
}

LogSink g_sink = ToStderr;

}  // namespace

void SetLogSink(LogSink sink) {
  g_sink = sink ? sink : ToStderr;
}

void Log(std::string_view line) {
  g_sink(line);
}

void Logf(const char* format, ...) {
  char line[1024];
  va_list args;
  va_start(args, format);
  int n = std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n < 0) return;
  Log(std::string_view(line, std::min<size_t>(static_cast<size_t>(n), sizeof line - 1)));
}

void LogOnce(std::atomic<bool>& flag, std::string_view line) {
  if (!flag.exchange(true, std::memory_order_relaxed)) Log(line);
}

}  // namespace plyfs
