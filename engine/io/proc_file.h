// Files of /proc, which say by text what no call tells.
//
// Any thread; blocks as little as /proc does.
#ifndef PLYFS_ENGINE_IO_PROC_FILE_H_
#define PLYFS_ENGINE_IO_PROC_FILE_H_

#include <string>

namespace plyfs {

// All of it; empty where it cannot be read.  Where the process has no descriptor left, what is only kept
// gives way (spare_descriptors.h).
std::string ReadProcFile(const std::string& path);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_PROC_FILE_H_
