// The layers that each case starts from: lowers `a` (above) and `b`, upper `u`, work `w`, mountpoint `m`,
// with a little of everything that a layer can hold.
//
// Plain system calls as root; the caller removes what is made.  What fails ends the program: there is nothing
// to test then.
#ifndef PLYFS_TESTS_CRASH_WORLD_H_
#define PLYFS_TESTS_CRASH_WORLD_H_

#include <string>

#include "tests/mount/live_mount.h"

namespace plyfs::crash {

// All times of the world are this; later ones are of the run.
inline constexpr int64_t kOldTime = 1'000'000'000;

void MakeLowers(const std::string& root);
// Upper and work anew, whatever they held.
void MakeUpper(const std::string& root);
// Fills a work directory with what crashes leave, of every kind there is.
void LeaveInWork(const std::string& root);
void RemoveAll(const std::string& path);

// Of the world at `root`, for LiveMount.
test::MountPlan PlanOf(const std::string& root, const std::string& options);

}  // namespace plyfs::crash

#endif  // PLYFS_TESTS_CRASH_WORLD_H_
