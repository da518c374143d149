// What real-mount tests do to files, one call each, on absolute paths and never following a final symlink.
//
// Stateless; any thread.  A function that returns int gives 0 or the errno; the others fail the running test
// (ADD_FAILURE) when the file is not what the test takes for granted, and return an empty value.
#ifndef PLYFS_TESTS_MOUNT_FILES_H_
#define PLYFS_TESTS_MOUNT_FILES_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plyfs::test {

// Creates or overwrites in place (no rename), mode 0644 when new.
int Write(const std::string& path, std::string_view data);
int Append(const std::string& path, std::string_view data);
std::string Read(const std::string& path);
// The errno of opening for reading and reading to the end.
int ReadError(const std::string& path);

int MakeDir(const std::string& path, mode_t mode = 0755);
// With parents that are missing.
int MakeDirs(const std::string& path);
int MakeSymlink(const std::string& target, const std::string& path);
int MakeNode(const std::string& path, mode_t type_and_mode, unsigned major, unsigned minor);
// The 0/0 character device of the layer format; only for layers, a mount refuses it (N15).
int MakeWhiteout(const std::string& path);
// trusted.overlay.opaque=y on a layer's directory.
int MakeOpaque(const std::string& path);
int Remove(const std::string& path);  // unlink or rmdir
int RemoveTree(const std::string& path);

bool Exists(const std::string& path);
bool IsWhiteout(const std::string& path);
struct stat Stat(const std::string& path);
int StatError(const std::string& path);
std::string ReadLink(const std::string& path);

// Names without "." and "..", sorted.
std::vector<std::string> List(const std::string& path);

int SetXattr(const std::string& path, const std::string& name, std::string_view value, int flags = 0);
int RemoveXattr(const std::string& path, const std::string& name);
// The value; *error (0 or an errno) when asked for.
std::string GetXattr(const std::string& path, const std::string& name, int* error = nullptr);
std::vector<std::string> ListXattrs(const std::string& path);

}  // namespace plyfs::test

#endif  // PLYFS_TESTS_MOUNT_FILES_H_
