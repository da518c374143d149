// slow_fs: a read-only view of a directory that takes a millisecond a call, as a network filesystem may.
//
//   slow_fs SOURCE MOUNTPOINT [MICROSECONDS [N]]      in the foreground, until unmounted
//
// With N, every Nth call answers EINTR, as no local filesystem does; from SIGUSR1 on all do,
// from SIGUSR2 on all that read files.
//
// For benchmarks and tests of layers on slow filesystems.  Calls wait side by side, so that a hundred at once
// take a millisecond too.  Two attributes are answered at once and begin anew: user.most_at_once, how many
// calls have waited at once, and user.alone, how many found nobody waiting.
#define FUSE_USE_VERSION 314
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string source;
useconds_t delay_us = 1000;

std::atomic<int> waiting{0}, most_waiting{0}, alone{0};
std::atomic<unsigned> interrupt_every{0}, calls{0};
std::atomic<bool> interrupt_reads{false};

bool Interrupted() {
  const unsigned every = interrupt_every;
  return every != 0 && ++calls % every == 0;
}

// Where a path of the mount lies, after the wait.
std::string At(const char* path) {
  const int now = ++waiting;
  alone += now == 1;
  for (int most = most_waiting; most < now && !most_waiting.compare_exchange_weak(most, now);) {
  }
  ::usleep(delay_us);
  --waiting;
  return source + path;
}

int Answer(long result) {
  return result < 0 ? -errno : static_cast<int>(result);
}

int GetAttr(const char* path, struct stat* st, struct fuse_file_info*) {
  if (Interrupted()) return -EINTR;
  return Answer(::lstat(At(path).c_str(), st));
}

int ReadLink(const char* path, char* out, size_t size) {
  if (Interrupted()) return -EINTR;
  ssize_t n = ::readlink(At(path).c_str(), out, size - 1);
  if (n < 0) return -errno;
  out[n] = '\0';
  return 0;
}

int ReadDir(const char* path, void* out, fuse_fill_dir_t fill, off_t, struct fuse_file_info*,
            enum fuse_readdir_flags) {
  if (Interrupted()) return -EINTR;
  DIR* dir = ::opendir(At(path).c_str());
  if (dir == nullptr) return -errno;
  while (const struct dirent* entry = ::readdir(dir)) {
    struct stat st = {};
    st.st_ino = entry->d_ino;
    st.st_mode = DTTOIF(entry->d_type);
    fill(out, entry->d_name, &st, 0, static_cast<fuse_fill_dir_flags>(0));
  }
  ::closedir(dir);
  return 0;
}

int Open(const char* path, struct fuse_file_info* file) {
  if (Interrupted()) return -EINTR;
  const int fd = ::open(At(path).c_str(), O_RDONLY | O_NOFOLLOW);
  if (fd < 0) return -errno;
  file->fh = static_cast<uint64_t>(fd);
  return 0;
}

int Read(const char* path, char* out, size_t size, off_t at, struct fuse_file_info* file) {
  if (interrupt_reads || Interrupted()) return -EINTR;
  (void)At(path);
  return Answer(::pread(static_cast<int>(file->fh), out, size, at));
}

int Release(const char*, struct fuse_file_info* file) {
  return ::close(static_cast<int>(file->fh));
}

int Told(std::atomic<int>* count, char* out, size_t size) {
  const std::string text = std::to_string(*count);
  if (size == 0) return static_cast<int>(text.size());
  if (size < text.size()) return -ERANGE;
  std::memcpy(out, text.data(), text.size());
  *count = 0;
  return static_cast<int>(text.size());
}

int GetXattr(const char* path, const char* name, char* out, size_t size) {
  if (std::strcmp(name, "user.most_at_once") == 0) return Told(&most_waiting, out, size);
  if (std::strcmp(name, "user.alone") == 0) return Told(&alone, out, size);
  if (Interrupted()) return -EINTR;
  return Answer(::lgetxattr(At(path).c_str(), name, out, size));
}

int ListXattr(const char* path, char* out, size_t size) {
  if (Interrupted()) return -EINTR;
  return Answer(::llistxattr(At(path).c_str(), out, size));
}

void* Init(struct fuse_conn_info*, struct fuse_config* config) {
  config->use_ino = 1;
  // Names are asked for again and again, but for those that were just walked through.
  config->entry_timeout = config->attr_timeout = 1;
  config->negative_timeout = 0;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: slow_fs SOURCE MOUNTPOINT [MICROSECONDS [N]]\n");
    return 1;
  }
  source = argv[1];
  if (argc > 3) delay_us = static_cast<useconds_t>(std::strtoul(argv[3], nullptr, 10));
  if (argc > 4) interrupt_every = static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10));
  ::signal(SIGUSR1, [](int) { interrupt_every = 1; });
  ::signal(SIGUSR2, [](int) { interrupt_reads = true; });
  struct fuse_operations ops = {};
  ops.getattr = GetAttr;
  ops.readlink = ReadLink;
  ops.readdir = ReadDir;
  ops.open = Open;
  ops.read = Read;
  ops.release = Release;
  ops.getxattr = GetXattr;
  ops.listxattr = ListXattr;
  ops.init = Init;
  std::string name = argv[0], foreground = "-f", dash_o = "-o", mountpoint = argv[2];
  std::string options = "ro,allow_other,default_permissions,max_threads=600,max_idle_threads=600";
  char* words[] = {name.data(), mountpoint.data(), foreground.data(), dash_o.data(), options.data(), nullptr};
  return fuse_main(5, words, &ops, nullptr);
}
