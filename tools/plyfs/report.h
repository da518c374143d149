// What the program says: lines to whoever started it (stderr), and the log of a mount that is live.
//
// ReportLine: main's thread.  The log's sink: any thread, once OpenLog has returned.
#ifndef PLYFS_TOOLS_PLYFS_REPORT_H_
#define PLYFS_TOOLS_PLYFS_REPORT_H_

#include <string>
#include <string_view>

namespace plyfs::tool {

// `text` as exactly one line, whatever bytes a path put into it.
std::string OneLine(std::string_view text);

// "PROGRAM: LINE" on stderr; where that is thrown away (buildah gives /dev/null to what it starts for
// volumes) in the system's log as well.
void ReportLine(const char* program, std::string_view line);

// Where Log() goes from now on: the file that PLYFS_LOG names, else stderr in the foreground, else syslog.
void OpenLog(const char* program, bool foreground);

}  // namespace plyfs::tool

#endif  // PLYFS_TOOLS_PLYFS_REPORT_H_
