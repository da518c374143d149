// Planted: faults put into debug builds on purpose, so that the tests that must find faults are tested too.
//
// PLYFS_PLANT=NAME:SALT wakes one of them for the life of the process.  They are of the subtle kind: one call
// in kPlantRate is wrong, which ones the salt decides; or every call is, in a corner that few calls reach or
// that only the upper directory shows.  The line that is wrong stands where the right one is:
//
//   if (Planted(Plant::kWrite)) ...
//
// In a release build Planted() is the constant false and nothing is left of that line.
#ifndef PLYFS_ENGINE_BASE_PLANTED_H_
#define PLYFS_ENGINE_BASE_PLANTED_H_

#include <cstdint>
#include <string_view>

#include "engine/base/result.h"

namespace plyfs {

enum class Plant : uint8_t {
  kCreate,
  kMkdir,
  kMknod,
  kSymlink,
  kLink,
  kUnlink,
  kRmdir,
  kRename,
  kRenameOpaque,
  kRenameNoReplace,
  kRenameExchange,
  kTmpfile,
  kLinkat,
  kChmod,
  kChown,
  kUtimens,
  kSetXattr,
  kRemoveXattr,
  kAcl,
  kTruncate,
  kOpenTruncate,
  kWrite,
  kFallocate,
  kCopyFileRange,
  kMappedWrite,
  kSeekHole,
  kSeekData,
  kReaddir,
  kFlock,
  kUnlinkedIo,
  kRemount,
  kCopyUpOrigin,
  kCopyUpTimes,
  kCopyUpNumber,
  kCopyUpParent,
  kRedirect,
  kImpure,
  kCount,
};

// One call in so many is wrong; below the 1 in 20 at which a fault would be no subtle one.
inline constexpr uint32_t kPlantRate = 24;

struct PlantFacts {
  std::string_view name;
  bool corner = false;  // wrong wherever the corner is reached, and not once in kPlantRate calls
  std::string_view what;
};
const PlantFacts& FactsOf(Plant plant);

// Reads PLYFS_PLANT once; before threads start.  EINVAL for a plant that there is not (a test whose fault
// never comes would prove nothing).  Release builds do not look.
Status InstallPlantFromEnvironment();

#ifdef PLYFS_DEBUG
namespace planted_internal {
extern Plant active;  // constant once threads run
bool Due();
}  // namespace planted_internal

// Whether this call is to be wrong.
inline bool Planted(Plant plant) {
  return planted_internal::active == plant && planted_internal::Due();
}
#else
constexpr bool Planted(Plant) {
  return false;
}
#endif

}  // namespace plyfs

#endif  // PLYFS_ENGINE_BASE_PLANTED_H_
