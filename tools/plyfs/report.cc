#include "tools/plyfs/report.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/base/log.h"

namespace plyfs::tool {
namespace {

int g_log_fd = -1;
const char* g_program = "plyfs";

// One write(2) a line, so that lines of several threads and mounts do not mix.
void WriteLine(int fd, std::string line) {
  line += '\n';
  // A full disk or a closed pipe must not stop the mount.
  if (::write(fd, line.data(), line.size()) < 0) return;
}

void ToStderr(std::string_view line) {
  WriteLine(STDERR_FILENO, std::string(g_program) + ": " + OneLine(line));
}

void ToSyslog(std::string_view line) {
  ::syslog(LOG_NOTICE, "%s", OneLine(line).c_str());
}

void ToFile(std::string_view line) {
  char stamp[64];
  struct timespec now;
  struct tm parts;
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::localtime_r(&now.tv_sec, &parts);
  size_t n = ::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(stamp + n, sizeof stamp - n, ".%03ld [%d] ", now.tv_nsec / 1000000, ::getpid());
  WriteLine(g_log_fd, stamp + OneLine(line));
}

bool StderrIsLost() {
  struct stat st;
  return ::fstat(STDERR_FILENO, &st) != 0 || (S_ISCHR(st.st_mode) && ::isatty(STDERR_FILENO) == 0);
}

}  // namespace

std::string OneLine(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line;
}

void ReportLine(const char* program, std::string_view line) {
  std::string text = OneLine(line);
  WriteLine(STDERR_FILENO, std::string(program) + ": " + text);
  if (!StderrIsLost()) return;
  ::openlog(program, LOG_PID, LOG_DAEMON);
  ::syslog(LOG_ERR, "%s", text.c_str());
}

void OpenLog(const char* program, bool foreground) {
  g_program = program;
  // What the log will want later, when the daemon may be confined: the time zone, and below the log's socket.
  ::tzset();
  if (const char* path = std::getenv("PLYFS_LOG"); path != nullptr && *path != '\0') {
    g_log_fd = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (g_log_fd >= 0) return SetLogSink(ToFile);
    ReportLine(program,
               std::string("PLYFS_LOG=") + path + ": " + std::strerror(errno) + "; logging as without it");
  }
  if (foreground) return SetLogSink(ToStderr);
  ::openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
  SetLogSink(ToSyslog);
}

}  // namespace plyfs::tool
