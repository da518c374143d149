// MountFlags: the words of mount(8) that every filesystem takes (ro, nodev, noatime, private, ...) as the
// bits of mount(2).  A value; pure; any thread.
#ifndef PLYFS_ENGINE_FORMAT_MOUNT_FLAGS_H_
#define PLYFS_ENGINE_FORMAT_MOUNT_FLAGS_H_

#include <string_view>

namespace plyfs {

struct MountFlags {
  unsigned long set = 0;          // MS_*
  unsigned long touched = 0;      // what words have spoken of, set or cleared: a remount leaves the rest
  unsigned long propagation = 0;  // MS_PRIVATE, MS_SHARED, ... with MS_REC; 0: none was named

  // The last word on a flag wins.  False: no such word.
  bool Apply(std::string_view word);
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_MOUNT_FLAGS_H_
