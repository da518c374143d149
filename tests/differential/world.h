// World: the layers a differential run starts from, as a list of entries that a seed decides, and their
// writing to disk.
//
// A value; one thread.  Writing one World into two places gives two sets of layers that differ in inode
// numbers, ctimes and birth times only.  Every entry can be left out (the shrinker does): what stood below it
// is then left out too.
#ifndef PLYFS_TESTS_DIFFERENTIAL_WORLD_H_
#define PLYFS_TESTS_DIFFERENTIAL_WORLD_H_

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace plyfs::diff {

inline constexpr int kUpperLayer = -1;

// Where one side's layers and mount are.
struct Dirs {
  std::string base;
  std::vector<std::string> lowers;  // topmost first
  std::string upper, work, mount;

  const std::string& Layer(int layer) const {
    return layer == kUpperLayer ? upper : lowers[static_cast<size_t>(layer)];
  }
};
// Names and makes the directories below `base`, which must exist.  False: errno.
bool MakeDirs(const std::string& base, int lowers, Dirs* dirs);

using Xattrs = std::vector<std::pair<std::string, std::string>>;

enum class EntryKind { kFile, kDir, kSymlink, kLink, kFifo, kSocket, kChar, kBlock, kWhiteout };

struct Entry {
  int layer = 0;  // kUpperLayer, or the lower's index
  EntryKind kind = EntryKind::kFile;
  std::string path;    // relative to the layer; empty: the layer's root
  std::string target;  // symlink: its text; link: the other path in the same layer
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t content = 0;  // seed of the bytes
  size_t size = 0;
  bool sparse = false;  // bytes at the beginning and the end only
  unsigned major = 0, minor = 0;
  Xattrs xattrs;
  int64_t atime = 0, mtime = 0;  // seconds; nanoseconds follow from them
  bool with_previous = false;    // is left out with the entry before it, and that one with it
};

struct WorldPlan {
  uint64_t seed = 0;
  int lowers = 5;
  bool hostile = false;    // with records that no mount writes
  bool userxattr = false;  // written for mounts that read the records of user.overlay
};

struct World {
  WorldPlan plan;
  std::vector<Entry> entries;  // parents before children
};

World MakeWorld(const WorldPlan& plan);
// What a hostile world has beside what others have.
void AddHostile(World* world);
// One line an entry, as a reader of a failure wants it.
std::string Describe(const Entry& entry);
// Writes all entries but the dropped ones.  Empty, or what could not be made.
std::string WriteWorld(const World& world, const std::set<size_t>& dropped, const Dirs& dirs);
// The xattr's name with trusted.overlay and user.overlay exchanged.
std::string InOtherFamily(const std::string& name);

// Xattr values in their on-disk form: an ACL granting `uid` the permission bits `perm` beside `mode`, and a
// version 2 capability set.
std::string AclValue(mode_t mode, uid_t uid, unsigned perm);
std::string CapabilityValue(uint32_t permitted);

// The names that worlds and steps draw from: few, so that layers overlap and operations collide.
const std::vector<std::string>& Alphabet();

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_WORLD_H_
