// Executor's other half: what steps do with descriptors, data and listings.
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "tests/differential/dice.h"
#include "tests/differential/executor.h"

namespace plyfs::diff {
namespace {

int ErrorOf(long rc) {
  return rc < 0 ? errno : 0;
}

// A fault in a mapping (a daemon that fails the read behind it) is an answer, not the end of the run.
sigjmp_buf g_fault_return;

void OnFault(int) {
  siglongjmp(g_fault_return, 1);
}

bool TouchMapping(void* map, size_t size, const std::string* store, std::string* load) {
  struct sigaction action = {}, old = {};
  action.sa_handler = OnFault;
  sigaction(SIGBUS, &action, &old);
  volatile bool fine = false;
  if (sigsetjmp(g_fault_return, 1) == 0) {
    if (store != nullptr) memcpy(map, store->data(), std::min(size, store->size()));
    if (load != nullptr) memcpy(load->data(), map, size);
    fine = true;
  }
  sigaction(SIGBUS, &old, nullptr);
  return fine;
}

struct Cookie {
  std::string name;
  off_t next;  // where reading goes on after this entry
};

int ReadCookies(int fd, std::vector<Cookie>* cookies, std::vector<ListEntry>* list) {
  alignas(dirent64) char buffer[300];  // one full name and little more: many cookies in use
  ssize_t n = 0;
  while ((n = getdents64(fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      cookies->push_back({entry->d_name, entry->d_off});
      if (list == nullptr || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
      list->push_back({entry->d_name, entry->d_type, entry->d_ino, false});
    }
  }
  return ErrorOf(n);
}

// What stands after `from` must come again, the same and in the same order, when reading goes on at its
// cookie (D6).
std::string CheckSeek(int fd, const std::vector<Cookie>& all, size_t from) {
  if (lseek(fd, all[from].next, SEEK_SET) < 0) return std::string("seek: ") + strerror(errno);
  std::vector<Cookie> rest;
  if (int error = ReadCookies(fd, &rest, nullptr)) return std::string("after seek: ") + strerror(error);
  if (rest.size() != all.size() - from - 1) return "seek: another number of entries";
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i].name != all[from + 1 + i].name) return "seek: " + rest[i].name + " out of place";
  }
  return "seek ok";
}

}  // namespace

int Executor::ReadDirectory(const Step& step, Outcome* out) {
  int fd = open(Full(step.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  std::vector<Cookie> cookies;
  const int error = ReadCookies(fd, &cookies, &out->list);
  if (error == 0 && !cookies.empty()) {
    out->data = CheckSeek(fd, cookies, static_cast<size_t>(step.a) % cookies.size());
    std::set<std::string> once;
    for (const Cookie& cookie : cookies) {
      if (!once.insert(cookie.name).second) out->data += ", twice: " + cookie.name;
    }
    if (once.count(".") == 0 || once.count("..") == 0) out->data += ", without . or ..";  // D2
  }
  close(fd);
  std::sort(out->list.begin(), out->list.end());
  return error;
}

int Executor::ActOnSlot(const Step& step, int fd, Outcome* out) {
  const timespec times[2] = {StepTime(step.a), StepTime(step.b)};
  switch (step.op) {
    case Op::kClose:
      CloseSlot(step.slot);
      return 0;
    case Op::kLinkat:
      return ErrorOf(linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str(), AT_FDCWD,
                            Full(step.path).c_str(), AT_SYMLINK_FOLLOW));
    case Op::kFchmod:
      return ErrorOf(fchmod(fd, static_cast<mode_t>(step.a)));
    case Op::kFchown:
      return ErrorOf(fchown(fd, static_cast<uid_t>(step.a), static_cast<gid_t>(step.b)));
    case Op::kFutimens:
      return ErrorOf(futimens(fd, times));
    case Op::kFsetxattr:
      return ErrorOf(
          fsetxattr(fd, step.name.c_str(), step.value.data(), step.value.size(), static_cast<int>(step.a)));
    case Op::kFsync:
      return ErrorOf(fsync(fd));
    case Op::kFlock:
      return ErrorOf(flock(fd, static_cast<int>(step.a) | LOCK_NB));
    default:
      return ActOnData(step, fd, out);
  }
}

int Executor::ActOnData(const Step& step, int fd, Outcome* out) {
  switch (step.op) {
    case Op::kRead: {
      std::string bytes(static_cast<size_t>(step.b), '\0');
      const ssize_t n = pread(fd, bytes.data(), bytes.size(), step.a);
      if (n < 0) return errno;
      bytes.resize(static_cast<size_t>(n));
      out->data = Digest(bytes);
      return 0;
    }
    case Op::kWrite: {
      const std::string bytes = Pattern(static_cast<uint64_t>(step.c), static_cast<size_t>(step.b));
      const ssize_t n =
          step.a < 0 ? write(fd, bytes.data(), bytes.size()) : pwrite(fd, bytes.data(), bytes.size(), step.a);
      out->data = std::to_string(n);
      return ErrorOf(n);
    }
    case Op::kFtruncate:
      return ErrorOf(ftruncate(fd, step.a));
    case Op::kFallocate:
      return ErrorOf(fallocate(fd, static_cast<int>(step.c), step.a, step.b));
    case Op::kCopyRange:
      return CopyRange(step, fd, out);
    case Op::kSeek:
      return Seek(step, fd, out);
    default:
      return Mmap(step, fd, out);
  }
}

int Executor::CopyRange(const Step& step, int fd, Outcome* out) {
  const int to = fds_[static_cast<size_t>(step.slot2)];
  out->no_slot = to < 0;
  if (to < 0) return EBADF;
  off_t from_at = step.a, to_at = step.b;
  size_t left = static_cast<size_t>(step.c);
  // A short copy is allowed anywhere; what counts is where it ends.
  while (left > 0) {
    const ssize_t n = copy_file_range(fd, &from_at, to, &to_at, left, 0);
    if (n < 0) return errno;
    if (n == 0) break;
    left -= static_cast<size_t>(n);
  }
  out->data = std::to_string(step.c - static_cast<int64_t>(left));
  return 0;
}

// Where holes are is the allocator's business (as st_blocks); that what is skipped reads as zeros is not.
int Executor::Seek(const Step& step, int fd, Outcome* out) {
  struct stat is;
  if (fstat(fd, &is) < 0) return errno;
  // In a directory the answer is its size, which is not compared.
  if (S_ISDIR(is.st_mode) && (step.b == SEEK_DATA || step.b == SEEK_HOLE)) return 0;
  const off_t found = lseek(fd, step.a, static_cast<int>(step.b));
  if (found < 0) return errno;
  const off_t hole = step.b == SEEK_HOLE ? found : step.a;
  const off_t data = step.b == SEEK_HOLE ? lseek(fd, found, SEEK_DATA) : found;
  if (step.b == SEEK_HOLE && data == found && found < is.st_size) out->data = "a hole that is data";
  // Later steps must not work where the holes happen to be.
  if (step.b == SEEK_DATA || step.b == SEEK_HOLE) lseek(fd, step.a, SEEK_SET);
  struct stat st;
  if (fstat(fd, &st) < 0) return errno;
  // Reading moves the atime (C21), and only one side may have a hole to read here.
  char first;
  [[maybe_unused]] const ssize_t moved = pread(fd, &first, 1, 0);
  const off_t end = std::min(data < 0 ? st.st_size : data, st.st_size);
  std::string skipped(static_cast<size_t>(std::max<off_t>(end - hole, 0)), '\1');
  const ssize_t n = pread(fd, skipped.data(), skipped.size(), hole);
  if (!(fcntl(fd, F_GETFL) & O_WRONLY) && n >= 0) {
    for (char c : skipped) {
      if (c != '\0') out->data = "what was skipped is not zero";
    }
  }
  if (found > st.st_size) out->data += "beyond the end";
  return 0;
}

int Executor::Mmap(const Step& step, int fd, Outcome* out) {
  struct stat st;
  if (fstat(fd, &st) < 0) return errno;
  if (!S_ISREG(st.st_mode)) return ENODEV;
  const bool store = step.op == Op::kMmapWrite;
  // Only whole files are mapped, so that offset and length need no alignment; never past the end.
  const size_t size = static_cast<size_t>(std::max<off_t>(st.st_size, 1));
  const size_t at = static_cast<size_t>(step.a) % size;
  const size_t length = std::min(static_cast<size_t>(step.b), size - at);
  void* map = mmap(nullptr, size, store ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return errno;
  int error = 0;
  const std::string bytes = Pattern(static_cast<uint64_t>(step.c), length);
  std::string loaded(length, '\0');
  if (!TouchMapping(static_cast<char*>(map) + at, length, store ? &bytes : nullptr,
                    store ? nullptr : &loaded)) {
    error = EFAULT;
  } else if (store) {
    error = ErrorOf(msync(map, size, MS_SYNC));
  } else {
    out->mapped = Digest(loaded);
    const ssize_t n = pread(fd, loaded.data(), length, static_cast<off_t>(at));
    out->data = n < 0 ? strerror(errno) : Digest(loaded.substr(0, static_cast<size_t>(n)));
  }
  munmap(map, size);
  return error;
}

}  // namespace plyfs::diff
