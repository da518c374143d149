// MountClient: a real mount as an Overlay, by system calls: of kernel overlayfs, or of a program that mounts.
//
// Owned by a test; one thread, root.
#ifndef PLYFS_TESTS_MODEL_MOUNT_CLIENT_H_
#define PLYFS_TESTS_MODEL_MOUNT_CLIENT_H_

#include <array>
#include <memory>
#include <string>

#include "engine/io/unique_fd.h"
#include "engine/testing/overlay.h"
#include "tests/mount/live_mount.h"

namespace plyfs::model {

class MountClient : public Overlay {
 public:
  // `program` is empty for the kernel's; `log_path` takes what it prints.
  explicit MountClient(test::MountPlan plan, std::string program = "", std::string log_path = "")
      : plan_(std::move(plan)), program_(std::move(program)), log_path_(std::move(log_path)) {}
  ~MountClient() override { Unmount(); }
  Status Mount();
  // False: the program did not end in order, and why() says how.
  bool Unmount();
  // One line on what failed last.
  const std::string& why() const { return why_; }

  Result<Sight> Stat(const Path& path) override;
  Result<Listing> List(const Path& path) override;
  Result<std::string> ReadFile(const Path& path) override;
  Result<std::string> ReadLink(const Path& path) override;
  Result<std::string> GetXattr(const Path& path, const std::string& name) override;
  Result<std::vector<std::string>> ListXattr(const Path& path) override;

  Status Create(const Path& path, uint32_t mode) override;
  Status MakeDir(const Path& path, uint32_t mode) override;
  Status MakeNode(const Path& path, Type type, uint32_t mode, uint32_t major, uint32_t minor) override;
  Status Symlink(const std::string& target, const Path& path) override;
  Status Link(const Path& from, const Path& to) override;
  Status Unlink(const Path& path) override;
  Status RemoveDir(const Path& path) override;
  Status Rename(const Path& from, const Path& to, uint32_t flags) override;

  Status Truncate(const Path& path, uint64_t size) override;
  Status Chmod(const Path& path, uint32_t mode) override;
  Status Chown(const Path& path, uint32_t uid, uint32_t gid) override;
  Status SetXattr(const Path& path, const std::string& name, const std::string& value, int flags) override;
  Status RemoveXattr(const Path& path, const std::string& name) override;

  Status Open(int slot, const Path& path, OpenHow how) override;
  Status TmpFile(int slot, const Path& dir, uint32_t mode) override;
  Status Close(int slot) override;
  Result<std::string> ReadSlot(int slot) override;
  Status WriteSlot(int slot, uint64_t offset, const std::string& data) override;
  Status TruncateSlot(int slot, uint64_t size) override;
  Result<Sight> StatSlot(int slot) override;
  Status ChmodSlot(int slot, uint32_t mode) override;
  Status SetXattrSlot(int slot, const std::string& name, const std::string& value) override;
  Status LinkSlot(int slot, const Path& path) override;

  Status DropCaches() override { return OkStatus(); }
  Status Remount() override;

 private:
  // A name and the directory that it is in.
  struct Place {
    UniqueFd dir;
    std::string name;
    const char* c_str() const { return name.c_str(); }
    // For calls that have no form with a directory.
    std::string ByPath() const { return "/proc/self/fd/" + std::to_string(dir.get()) + "/" + name; }
  };
  Result<UniqueFd> OpenDir(const Path& path) const;
  Result<Place> Find(const Path& path) const;
  Result<int> Slot(int slot) const;
  Result<Type> TypeAt(const Place& place) const;

  const test::MountPlan plan_;
  const std::string program_, log_path_;
  std::string why_;
  std::unique_ptr<test::LiveMount> mount_;
  UniqueFd root_;
  std::array<UniqueFd, kSlots> slots_;
};

}  // namespace plyfs::model

#endif  // PLYFS_TESTS_MODEL_MOUNT_CLIENT_H_
