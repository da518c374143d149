// Log: one line at a time to wherever the mount's log goes (stderr in the foreground, syslog in a daemon, or
// the file that PLYFS_LOG names).
//
// The sink is set once at start, before threads exist; any thread may log.  A line that repeats is the
// caller's to bound: LogOnce logs the first time its flag is seen.
#ifndef PLYFS_ENGINE_BASE_LOG_H_
#define PLYFS_ENGINE_BASE_LOG_H_

#include <atomic>
#include <string>
#include <string_view>

namespace plyfs {

using LogSink = void (*)(std::string_view line);

// Null: to standard error, as at the start.  Not thread-safe: before the first thread starts.
void SetLogSink(LogSink sink);

void Log(std::string_view line);
void Logf(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Logs only the first time for `flag`.
void LogOnce(std::atomic<bool>& flag, std::string_view line);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_LOG_H_
