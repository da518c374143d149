#include "engine/layer/notify_group.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "absl/hash/hash.h"

namespace plyfs {
namespace {

// Linux 6.5; the headers of Debian 12 lack it.  Asks for the handle as notices carry it, also of filesystems
// whose handles cannot be opened.
constexpr int kAtHandleFid = 0x200;

constexpr size_t kReadSize = 64 << 10;
// As much as the kernel's queue holds (16,384 notices): what a busy host changes meanwhile waits its turn.
constexpr int kMostReads = 24;

struct HandleBuffer {
  alignas(struct file_handle) char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  struct file_handle* get() { return reinterpret_cast<struct file_handle*>(bytes); }
};

// Of the handle only: the filesystem's id would cost a statfs a directory, and telling one too many is no
// error.
uint64_t KeyOf(int type, std::string_view bytes) {
  return absl::HashOf(type, absl::string_view(bytes.data(), bytes.size())) >> 1;
}

template <typename T>
bool Take(std::string_view from, size_t at, T* out) {
  if (from.size() < at || from.size() - at < sizeof *out) return false;
  std::memcpy(out, from.data() + at, sizeof *out);
  return true;
}

std::string_view CString(std::string_view bytes) {
  return bytes.substr(0, bytes.find('\0'));
}

class FanotifyGroup final : public NotifyGroup {
 public:
  explicit FanotifyGroup(UniqueFd fd) : NotifyGroup(std::move(fd)) {}

  Result<uint64_t> Add(int dir) override { return AddMark(dir, 0, kNames | FAN_MODIFY); }

  // FAN_MODIFY would double the cost of each small write on the whole host.
  Result<uint64_t> AddFilesystem(int dir) override {
    return AddMark(dir, FAN_MARK_FILESYSTEM, kNames | FAN_CLOSE_WRITE);
  }

  void Flush(const std::vector<uint64_t>&) override {
    for (unsigned kind : {0u, static_cast<unsigned>(FAN_MARK_FILESYSTEM)}) {
      (void)::fanotify_mark(fd(), FAN_MARK_FLUSH | kind, 0, AT_FDCWD, nullptr);
    }
  }

 protected:
  bool Parse(std::string_view buffer, Known known, std::vector<Notice>* out) override {
    bool whole = true;
    const pid_t self = ::getpid();
    struct fanotify_event_metadata event;
    for (size_t at = 0; Take(buffer, at, &event); at += event.event_len) {
      if (event.event_len < sizeof event || event.event_len > buffer.size() - at) break;
      if (event.mask & FAN_Q_OVERFLOW) whole = false;
      Notice notice;
      notice.what = event.pid == self ? 0 : Changes(event.mask);
      notice.gone = event.mask & FAN_DELETE_SELF;
      if (notice.what == 0 && !notice.gone) continue;
      std::string_view infos = buffer.substr(at, event.event_len);
      infos.remove_prefix(std::min<size_t>(event.metadata_len, infos.size()));
      if (ReadDirectory(infos, known, &notice)) out->push_back(std::move(notice));
    }
    return whole;
  }

 private:
  static constexpr uint64_t kNames = FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_ATTRIB |
                                     FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR | FAN_EVENT_ON_CHILD;

  Result<uint64_t> AddMark(int dir, unsigned kind, uint64_t mask) const {
    HandleBuffer handle;
    PLY_CHECK(HandleOf(dir, &handle));
    if (!Mark(dir, FAN_MARK_ADD | FAN_MARK_ONLYDIR | kind, mask)) return LastErrno();
    return KeyOf(
        handle.get()->handle_type,
        std::string_view(handle.bytes + offsetof(struct file_handle, f_handle), handle.get()->handle_bytes));
  }

  bool Mark(int dir, unsigned flags, uint64_t mask) const {
    if (::fanotify_mark(fd(), flags, mask, dir, nullptr) == 0) return true;
    // A bare O_PATH descriptor is refused; by name it costs twice as much.
    return errno == EBADF && ::fanotify_mark(fd(), flags, mask, dir, ".") == 0;
  }

  static Status HandleOf(int dir, HandleBuffer* handle) {
    int mount_id;
    for (int flags : {AT_EMPTY_PATH | kAtHandleFid, AT_EMPTY_PATH}) {
      handle->get()->handle_bytes = MAX_HANDLE_SZ;
      if (::name_to_handle_at(dir, "", handle->get(), &mount_id, flags) == 0) return OkStatus();
      if (errno != EINVAL) break;
    }
    return LastErrno();
  }

  static uint8_t Changes(uint64_t mask) {
    uint8_t what = 0;
    if (mask & (FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO)) what |= kChangedNames;
    if (mask & (FAN_MODIFY | FAN_CLOSE_WRITE)) what |= kChangedContent;
    if (mask & FAN_ATTRIB) what |= kChangedAttributes;
    if (mask & (FAN_DELETE_SELF | FAN_MOVE_SELF)) what |= kDirectoryMoved;
    return what;
  }

  // The record that names the directory and, mostly, an entry of it ("." is the directory itself).
  // False: there is none, or nobody knows the directory.
  static bool ReadDirectory(std::string_view infos, Known known, Notice* notice) {
    struct fanotify_event_info_header header;
    for (; Take(infos, 0, &header); infos.remove_prefix(header.len)) {
      if (header.len < sizeof header || header.len > infos.size()) return false;
      if (header.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME && header.info_type != FAN_EVENT_INFO_TYPE_DFID) {
        continue;
      }
      std::string_view info = infos.substr(0, header.len);
      constexpr size_t kHandleAt = offsetof(struct fanotify_event_info_fid, handle);
      constexpr size_t kBytesAt = kHandleAt + offsetof(struct file_handle, f_handle);
      unsigned size;
      int type;
      if (!Take(info, kHandleAt + offsetof(struct file_handle, handle_bytes), &size)) return false;
      if (!Take(info, kHandleAt + offsetof(struct file_handle, handle_type), &type)) return false;
      if (info.size() < kBytesAt || size > info.size() - kBytesAt) return false;
      notice->key = KeyOf(type, info.substr(kBytesAt, size));
      if (!known(notice->key)) return false;
      std::string_view name = CString(info.substr(kBytesAt + size));
      if (header.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME && name != ".") notice->name = std::string(name);
      return true;
    }
    return false;
  }
};

class InotifyGroup final : public NotifyGroup {
 public:
  explicit InotifyGroup(UniqueFd fd) : NotifyGroup(std::move(fd)) {}

  Result<uint64_t> Add(int dir) override {
    char path[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", dir);
    int wd = ::inotify_add_watch(fd(), path, kMask);
    if (wd < 0) return LastErrno();
    return kInotifyBit | static_cast<uint64_t>(wd);
  }

  void Flush(const std::vector<uint64_t>& keys) override {
    for (uint64_t key : keys) {
      if (IsInotify(key)) (void)::inotify_rm_watch(fd(), static_cast<int>(key & ~kInotifyBit));
    }
  }

 protected:
  bool Parse(std::string_view buffer, Known known, std::vector<Notice>* out) override {
    bool whole = true;
    struct inotify_event event;
    for (size_t at = 0; Take(buffer, at, &event); at += sizeof event + event.len) {
      if (event.len > buffer.size() - at - sizeof event) break;
      if (event.mask & IN_Q_OVERFLOW) whole = false;
      if (event.wd < 0) continue;
      Notice notice;
      notice.key = kInotifyBit | static_cast<uint64_t>(event.wd);
      if (!known(notice.key)) continue;
      notice.what = Changes(event.mask);
      notice.gone = event.mask & IN_IGNORED;
      notice.name = std::string(CString(buffer.substr(at + sizeof event, event.len)));
      if (notice.what != 0 || notice.gone) out->push_back(std::move(notice));
    }
    return whole;
  }

 private:
  static constexpr uint32_t kMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY |
                                    IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

  static uint8_t Changes(uint32_t mask) {
    uint8_t what = 0;
    if (mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) what |= kChangedNames;
    if (mask & IN_MODIFY) what |= kChangedContent;
    if (mask & IN_ATTRIB) what |= kChangedAttributes;
    if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) what |= kDirectoryMoved;
    return what;
  }
};

}  // namespace

Result<std::unique_ptr<NotifyGroup>> NotifyGroup::Fanotify() {
  // The queue stays bounded on purpose: losing notices is handled, a queue in kernel memory that grows while
  // a layer's filesystem hangs is not.  Marks are bounded by Watcher.
  constexpr unsigned kFlags = FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC;
  int fd = ::fanotify_init(kFlags | FAN_UNLIMITED_MARKS, O_RDONLY);
  if (fd < 0) fd = ::fanotify_init(kFlags, O_RDONLY);
  if (fd < 0) return LastErrno();
  return std::unique_ptr<NotifyGroup>(new FanotifyGroup(UniqueFd(fd)));
}

Result<std::unique_ptr<NotifyGroup>> NotifyGroup::Inotify() {
  int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return LastErrno();
  return std::unique_ptr<NotifyGroup>(new InotifyGroup(UniqueFd(fd)));
}

bool NotifyGroup::Read(Known known, std::vector<Notice>* out) {
  alignas(8) char buffer[kReadSize];
  bool whole = true;
  for (int reads = 0; reads < kMostReads; ++reads) {
    ssize_t n = ::read(fd_.get(), buffer, sizeof buffer);
    if (n <= 0) break;
    whole = Parse(std::string_view(buffer, static_cast<size_t>(n)), known, out) && whole;
    if (static_cast<size_t>(n) < kReadSize / 2) break;
  }
  return whole;
}

}  // namespace plyfs
