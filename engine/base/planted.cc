#include "engine/base/planted.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>

namespace plyfs {
namespace {

constexpr bool kCorner = true;

// In the order of Plant.
constexpr std::array<PlantFacts, static_cast<size_t>(Plant::kCount)> kFacts = {{
    {"create", false, "the new file is not readable by others"},
    {"mkdir", kCorner, "made over a whiteout, the directory is not opaque"},
    {"mknod", false, "the group's read bit is the other one"},
    {"symlink", false, "the target lacks its last byte"},
    {"link", kCorner, "the directory that gets another name of a copy is not marked impure"},
    {"unlink", kCorner, "no whiteout over a file in upper that is hidden below the second lower layer"},
    {"rmdir", kCorner, "no whiteout where the directory is not merged with the one it hides"},
    {"rename", kCorner, "no whiteout at the source where the target was one"},
    {"rename-opaque", kCorner, "a pure upper directory moved into a merged one does not become opaque"},
    {"rename-noreplace", false, "an absent target is taken for present"},
    {"rename-exchange", kCorner, "the second of the two gets no opaque mark, redirect or impure parent"},
    {"tmpfile", false, "the group's read bit is the other one"},
    {"linkat", false, "the answer says that the object still has no name"},
    {"chmod", false, "the group's execute bit is the other one"},
    {"chown", false, "the group stays when both are given"},
    {"utimens", false, "the nanoseconds are lost"},
    {"setxattr", false, "the value lacks its last byte"},
    {"removexattr", false, "reported as done, but the attribute stays"},
    {"acl", false, "the mode is not what an access ACL says"},
    {"truncate", false, "the size is one byte too much"},
    {"open-truncate", false, "the old data stay"},
    {"write", false, "the last byte does not reach upper"},
    {"fallocate", false, "the range is one byte short"},
    {"copy-file-range", false, "the last byte is not copied"},
    {"mapped-write", false, "a page that was stored to does not reach upper"},
    {"seek-hole", false, "a hole begins a byte early"},
    {"seek-data", false, "data begin a page late"},
    {"readdir", false, "an entry is skipped where reading goes on at a cookie"},
    {"flock", kCorner,
     "a file copied up while it is open becomes another node, which locks of the old one do not reach"},
    {"unlinked-io", false, "a change through the descriptor of an unlinked file is lost"},
    {"remount", false, "an origin is not decoded: the copy shows its own number"},
    {"copyup-origin", false, "the copy has no origin"},
    {"copyup-times", false, "the copy's times are whole seconds"},
    {"copyup-number", false, "the inode number changes to the copy's"},
    {"copyup-parent", false, "others may not enter a copied-up directory"},
    {"redirect", kCorner, "of two components or more one is missing in a redirect"},
    {"impure", kCorner, "no directory that gets a copy is marked impure"},
}};

}  // namespace

const PlantFacts& FactsOf(Plant plant) {
  return kFacts[static_cast<size_t>(plant)];
}

#ifdef PLYFS_DEBUG
namespace {

uint64_t salt = 0;  // constant once threads run
std::atomic<uint64_t> calls{0};

// splitmix64's finish: neighbours fall far apart.
uint64_t Scatter(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

namespace planted_internal {

Plant active = Plant::kCount;

bool Due() {
  if (FactsOf(active).corner) return true;
  const uint64_t nth = calls.fetch_add(1, std::memory_order_relaxed);
  return Scatter(salt * 0x9e3779b97f4a7c15ULL + nth) % kPlantRate == 0;
}

}  // namespace planted_internal
#endif

Status InstallPlantFromEnvironment() {
#ifdef PLYFS_DEBUG
  const char* text = ::getenv("PLYFS_PLANT");
  if (text == nullptr) return OkStatus();
  const std::string_view words(text);
  const size_t colon = words.find(':');
  if (colon == std::string_view::npos) return Errno(EINVAL);
  const char* const end = words.data() + words.size();
  const auto number = std::from_chars(words.data() + colon + 1, end, salt);
  if (number.ec != std::errc() || number.ptr != end) return Errno(EINVAL);
  planted_internal::active = Plant::kCount;
  for (size_t i = 0; i < kFacts.size(); ++i) {
    if (kFacts[i].name == words.substr(0, colon)) planted_internal::active = static_cast<Plant>(i);
  }
  return planted_internal::active == Plant::kCount ? Status(Errno(EINVAL)) : OkStatus();
#else
  return OkStatus();
#endif
}

}  // namespace plyfs
