#include "tests/crash/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "tests/differential/dice.h"
#include "tests/differential/world.h"

namespace plyfs::crash {
namespace {

namespace fs = std::filesystem;

// Makes things below one root, parents first.
class Maker {
 public:
  explicit Maker(std::string root) : root_(std::move(root)) {}

  std::string At(const std::string& path) const { return root_ + "/" + path; }
  static void Must(long rc, const std::string& what) {
    if (rc >= 0) return;
    perror(what.c_str());
    exit(2);
  }

  void Dir(const std::string& path, mode_t mode = 0755) const {
    Must(mkdir(At(path).c_str(), mode), path);
    Must(chmod(At(path).c_str(), mode), path);
  }
  void File(const std::string& path, const std::string& text, mode_t mode = 0644) const {
    int fd = open(At(path).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    Must(fd, path);
    Must(write(fd, text.data(), text.size()), path);
    Must(fchmod(fd, mode), path);
    close(fd);
  }
  void Whiteout(const std::string& path) const { Must(mknod(At(path).c_str(), S_IFCHR, 0), path); }
  void Xattr(const std::string& path, const char* name, const std::string& value) const {
    Must(lsetxattr(At(path).c_str(), name, value.data(), value.size(), 0), path + " " + name);
  }

  void SetTimes() const {
    const timespec old[2] = {{kOldTime, 5}, {kOldTime, 5}};
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      Must(utimensat(AT_FDCWD, entry.path().c_str(), old, AT_SYMLINK_NOFOLLOW), entry.path());
    }
    Must(utimensat(AT_FDCWD, root_.c_str(), old, 0), root_);
  }

 private:
  const std::string root_;
};

void FillBottom(const Maker& b) {
  b.File("low", "low");
  b.File("low2", "low2, longer");
  b.File("both", "below");
  b.Dir("dir");
  b.File("dir/f", "f");
  b.Dir("dir/deep", 0750);
  b.File("dir/deep/g", "data of g");
  b.File("gone", "gone");
  b.Dir("hidden");
  b.File("hidden/x", "x");
  b.Dir("empty");
  b.Dir("cleared");
  b.File("cleared/x", "x");
  b.Dir("mixed");
  b.File("mixed/n", "n");
  b.Xattr("mixed/n", "user.layer", "b");
  b.Dir("opaque");
  b.File("opaque/z", "z");
  b.Dir("flip");
  b.File("flip/x", "x");
  b.Dir("orig");
  b.File("orig/r", "r");
  b.Xattr("orig/r", "user.layer", "b");
  Maker::Must(mkfifo(b.At("fifo").c_str(), 0600), "fifo");
  Maker::Must(mknod(b.At("sock").c_str(), S_IFSOCK | 0600, 0), "sock");
  Maker::Must(mknod(b.At("dev").c_str(), S_IFCHR | 0600, makedev(1, 3)), "dev");
  Maker::Must(symlink("low", b.At("sym").c_str()), "sym");
  b.File("linked1", "linked");
  Maker::Must(link(b.At("linked1").c_str(), b.At("linked2").c_str()), "linked2");
}

void FillBottomAttributes(const Maker& b) {
  b.File("rich", "rich", 0664);
  b.Xattr("rich", "user.a", "1");
  b.Xattr("rich", "user.long", std::string(600, 'l'));
  b.Xattr("rich", "trusted.t", "2");
  b.Xattr("rich", "system.posix_acl_access", diff::AclValue(0664, 1001, 6));
  Maker::Must(chown(b.At("rich").c_str(), 1000, 1001), "rich");
  b.File("suid", "program", 0755);
  Maker::Must(chmod(b.At("suid").c_str(), 06777), "suid");
  b.Dir("acl", 0775);
  b.Xattr("acl", "system.posix_acl_default", diff::AclValue(0770, 1001, 5));
  b.File("acl/old", "old");
  b.Dir("open", 01777);
  // Two stretches of data about a hole.
  b.File("large", diff::Pattern(1, 40000));
  const std::string tail = diff::Pattern(2, 5000);
  int fd = open(b.At("large").c_str(), O_WRONLY | O_CLOEXEC);
  Maker::Must(pwrite(fd, tail.data(), tail.size(), 200000), "large");
  close(fd);
}

void FillUpper(const Maker& u) {
  u.File("both", "above");
  u.File("own", "own data");
  u.Whiteout("gone");
  u.Whiteout("hidden");
  u.Dir("cleared");
  u.Whiteout("cleared/x");
  u.Dir("owncleared");
  u.Whiteout("owncleared/x");
  u.Dir("owndir");
  u.File("owndir/h", "h");
  u.Dir("mixed");
  u.File("mixed/m", "m");
  u.Dir("opaque");
  u.Xattr("opaque", "trusted.overlay.opaque", "y");
  u.File("opaque/q", "q");
  u.Dir("moved");
  u.Xattr("moved", "trusted.overlay.redirect", "orig");
  u.Whiteout("orig");
}

}  // namespace

void RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) Maker::Must((errno = error.value(), -1), path);
}

void MakeLowers(const std::string& root) {
  Maker at(root);
  for (const char* dir : {"a", "b", "m"}) at.Dir(dir);
  Maker a(at.At("a")), b(at.At("b"));
  FillBottom(b);
  FillBottomAttributes(b);
  a.Dir("dir");
  a.File("dir/e", "e");
  a.File("flip", "a file over a directory");
  a.SetTimes();
  b.SetTimes();
}

void MakeUpper(const std::string& root) {
  Maker at(root);
  for (const char* dir : {"u", "w"}) {
    RemoveAll(at.At(dir));
    at.Dir(dir);
  }
  Maker u(at.At("u"));
  FillUpper(u);
  u.SetTimes();
}

void LeaveInWork(const std::string& root) {
  Maker w(root + "/w");
  w.Dir("work", 0);
  w.Dir("work/#1", 0700);
  w.Whiteout("work/#1/x");
  w.Whiteout("work/#2");
  w.File("work/#3", "half");
}

test::MountPlan PlanOf(const std::string& root, const std::string& options) {
  return {{root + "/a", root + "/b"}, root + "/u", root + "/w", options, root + "/m", ""};
}

}  // namespace plyfs::crash
