#include "engine/io/sys_xattr.h"

#include <sys/xattr.h>

#include <cerrno>
#include <memory>

#include "engine/io/sys_call.h"

namespace plyfs::sys {
namespace {

// Reads what `read(buffer, size)` gives, first into a buffer on the stack, since nearly every record of an
// overlay is short, then into one that holds all there can be: no asking for the size, so no race with a
// writer that makes it longer.
template <typename Read>
Result<std::string> ReadAll(Read read) {
  char small[256];
  Result<size_t> size = read(small, sizeof small);
  if (size.ok()) return std::string(small, *size);
  if (size.error() != ERANGE) return size.status();
  std::unique_ptr<char[]> large(new char[kXattrMax]);
  PLY_TRY(size_t full, read(large.get(), kXattrMax));
  return std::string(large.get(), full);
}

Result<size_t> Length(Result<ssize_t> result) {
  if (!result.ok()) return result.status();
  return static_cast<size_t>(*result);
}

}  // namespace

Result<size_t> GetXattr(int fd, const char* name, void* buffer, size_t size) {
  FdPath path(fd);
  return Length(Call(Op::kGetXattr, [&] { return ::getxattr(path.c_str(), name, buffer, size); }));
}

Result<size_t> FGetXattr(int fd, const char* name, void* buffer, size_t size) {
  return Length(Call(Op::kGetXattr, [&] { return ::fgetxattr(fd, name, buffer, size); }));
}

Result<std::string> GetXattr(int fd, const char* name) {
  return ReadAll([&](char* buffer, size_t size) { return GetXattr(fd, name, buffer, size); });
}

Result<std::string> FGetXattr(int fd, const char* name) {
  return ReadAll([&](char* buffer, size_t size) { return FGetXattr(fd, name, buffer, size); });
}

Status SetXattr(int fd, const char* name, std::string_view value, int flags) {
  FdPath path(fd);
  return Do(Op::kSetXattr, [&] { return ::setxattr(path.c_str(), name, value.data(), value.size(), flags); });
}

Status FSetXattr(int fd, const char* name, std::string_view value, int flags) {
  return Do(Op::kSetXattr, [&] { return ::fsetxattr(fd, name, value.data(), value.size(), flags); });
}

Status RemoveXattr(int fd, const char* name) {
  FdPath path(fd);
  return Do(Op::kRemoveXattr, [&] { return ::removexattr(path.c_str(), name); });
}

Status FRemoveXattr(int fd, const char* name) {
  return Do(Op::kRemoveXattr, [&] { return ::fremovexattr(fd, name); });
}

Result<std::string> ListXattr(int fd) {
  FdPath path(fd);
  return ReadAll([&](char* buffer, size_t size) {
    return Length(Call(Op::kListXattr, [&] { return ::listxattr(path.c_str(), buffer, size); }));
  });
}

Result<std::string> FListXattr(int fd) {
  return ReadAll([&](char* buffer, size_t size) {
    return Length(Call(Op::kListXattr, [&] { return ::flistxattr(fd, buffer, size); }));
  });
}

}  // namespace plyfs::sys
