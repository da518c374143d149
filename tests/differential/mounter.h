// Mounter: the two mounts of a run, kernel overlayfs (or a program in its place) over one set of layers and
// the program under test over the other, which may change places.
//
// Owned by a run; one thread, root.
#ifndef PLYFS_TESTS_DIFFERENTIAL_MOUNTER_H_
#define PLYFS_TESTS_DIFFERENTIAL_MOUNTER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/world.h"
#include "tests/mount/live_mount.h"

namespace plyfs::diff {

// What is compared with the kernel.
struct Against {
  std::string program;  // empty: the kernel itself (the self-test of this program)
  // Somebody else's: called as PROGRAM -o OPTIONS MOUNTPOINT, with no options but those it was given.
  bool foreign = false;
  std::string options;  // more mount options for it
  std::string plyctl;   // not empty: mounted with the lowers' indices, which it makes
  std::vector<std::string> environment;
  // Of engine/base/planted.h, awake in it; which calls it spoils follows from the salt and the count of
  // mounts.
  std::string plant;
  uint64_t plant_salt = 0;
  bool IsKernel() const { return program.empty(); }
};

// What texts call it: "kernel", or the program without its folder.
std::string NameOf(const Against& side);

// What either is mounted with, beside its layers.  Every default of the kernel's that a module parameter
// could change is spelled out.  redirect_dir=off is an alias of the module's default, which follows redirects
// and makes none; userxattr says itself that it follows none.  `more` goes before these defaults.
std::string KernelMountOptions(bool redirect, bool userxattr, const std::string& more);
std::string ProgramMountOptions(const Against& program, bool redirect, bool userxattr,
                                const std::string& more);

class Mounter {
 public:
  // `first` is served by the reference until a crossed remount.
  struct Stacking {
    bool redirect = false;
    bool userxattr = false;
    std::string options = {};  // more, for both
  };
  Mounter(Dirs first, Dirs second, Stacking stacking, Against reference, Against against,
          std::string log_path);

  // Empty, or what failed.
  std::string Mount();
  // Makes both live mounts read-only, or writable again.  The errnos, or success, of the kernel and the
  // other.
  std::pair<int, int> Remount(bool read_only) const;
  std::string Unmount();
  // Who serves whose layers at the next Mount().
  void Cross() { crossed_ = !crossed_; }
  bool crossed() const { return crossed_; }

  const Dirs& first() const { return first_; }
  const Dirs& second() const { return second_; }
  const Dirs& KernelDirs() const { return crossed_ ? second_ : first_; }
  const Dirs& PlyDirs() const { return crossed_ ? first_ : second_; }
  pid_t daemon() const { return ply_ == nullptr ? 0 : ply_->daemon(); }

 private:
  test::MountPlan Plan(const Dirs& dirs, const std::string& options) const;
  std::string KernelOptions() const;
  std::string OptionsOf(const Against& program) const;
  std::unique_ptr<test::LiveMount> MountProgram(const Against& program, const Dirs& dirs,
                                                const std::string& log_path, std::string* error);

  const Dirs first_, second_;
  const Stacking stacking_;
  const Against reference_, against_;
  const std::string log_path_;
  bool crossed_ = false;
  uint64_t mounts_ = 0;
  std::unique_ptr<test::LiveMount> kernel_, ply_;
};

}  // namespace plyfs::diff

#endif  // PLYFS_TESTS_DIFFERENTIAL_MOUNTER_H_
