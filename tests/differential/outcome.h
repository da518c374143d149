// What one side answered: to a step (Outcome) and to "what is the whole tree" (Snapshot).
//
// Values; any thread.  They hold what was seen, unjudged: compare.h decides what of it must be equal.
#ifndef PLYFS_TESTS_DIFFERENTIAL_OUTCOME_H_
#define PLYFS_TESTS_DIFFERENTIAL_OUTCOME_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace plyfs::diff {

// One object, by path or by descriptor.
struct Sight {
  std::string subject;  // "a/b", or "fd 3"
  int error = 0;
  struct statx stx = {};
  bool deleted = false;  // descriptor: its name is gone
};

struct ListEntry {
  std::string name;
  unsigned char type = 0;
  uint64_t ino = 0;
  // Listed, but looking it up gives ENOENT: a raw whiteout (D9, X5).
  bool ghost = false;
  int error = 0;  // of looking it up
  friend bool operator<(const ListEntry& a, const ListEntry& b) { return a.name < b.name; }
};

struct Outcome {
  int error = 0;
  bool no_slot = false;         // nothing was done: the step names a slot that holds no descriptor
  std::string data;             // what the call returned, as text; bytes as length and hash
  std::string mapped;           // mmapread: hash of the mapping (data has that of pread)
  std::vector<ListEntry> list;  // sorted; without "." and ".."
  std::vector<Sight> before, after;
  bool read_only_fd = false;  // the slot used was opened for reading only
};

struct Node {
  Sight sight;
  std::string data;  // file: length and hash; symlink: target
  std::map<std::string, std::string> xattrs;
  uint64_t d_ino = 0;  // as its directory listed it
  unsigned char d_type = 0;
  bool ghost = false;
  int list_error = 0;  // directory: why it cannot be listed to the end
};

// Paths relative to the root, the root itself "".
using Snapshot = std::map<std::string, Node>;

// "12 bytes 8f3a…": equal for equal bytes.
std::string Digest(const std::string& bytes);
std::string ReadXattrs(const std::string& path, std::map<std::string, std::string>* out);
// Empty, or why the directory could not be listed.  Ghosts are looked for when `root` may tell.
int ListDirectory(int fd, std::vector<ListEntry>* out);

// Whether one of the directories lies above the path.
bool IsBeneath(const std::string& path, const std::set<std::string>& dirs);

// The tree below `root`, as the caller (root) sees it.
Snapshot TakeSnapshot(const std::string& root);

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_OUTCOME_H_
