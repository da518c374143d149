// What /proc tells of mounts and locks: who else uses a directory.
//
// As this process's mount and process namespaces show it: what lies in others is not seen.  Any thread.
#ifndef PLYFS_ENGINE_IO_MOUNT_TABLE_H_
#define PLYFS_ENGINE_IO_MOUNT_TABLE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plyfs {

// One line of /proc/PID/mountinfo.
struct MountLine {
  std::string point;
  std::string options;  // of the mount
  std::string type;
  std::string source;
  std::string super_options;  // of the filesystem, escapes and all: separators in values are escaped
};

// Later lines lie on top; lines that are torn are left out.
std::vector<MountLine> ParseMountTable(std::string_view mountinfo);
// This process's; empty where /proc is not there.
std::vector<MountLine> ReadMountTable();

// The parts of a line between separators, empty ones among them; they point into `text`.
std::vector<std::string_view> SplitLine(std::string_view text, char separator);
// Takes away the kernel's octal escapes (fs/seq_file.c:mangle_path).
std::string UnescapeOctal(std::string_view text);

// The process that holds an exclusive flock(2) on the object, by the text of /proc/locks; 0: none that shows.
pid_t FlockHolderIn(std::string_view proc_locks, dev_t dev, uint64_t ino);
pid_t FlockHolder(dev_t dev, uint64_t ino);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_MOUNT_TABLE_H_
