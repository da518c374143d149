// null_loop MOUNTPOINT: the least that a FUSE daemon can be: read a request, write a constant reply.  No
// engine, no decoder; the yardstick for fuse_null.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "bench/null/background.h"
#include "bench/null/null_replies.h"
#include "fuse/init.h"

namespace plyfs::bench {
namespace {
class Loop {
 public:
  explicit Loop(int fd) : fd_(fd) {}

  void Run() {
    std::vector<char> request((1 << 20) + 4096);
    while (true) {
      const ssize_t size = ::read(fd_, request.data(), request.size());
      if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      if (size < 0) ::_exit(0);  // unmounted
      Answer(request.data(), static_cast<size_t>(size));
    }
  }

 private:
  void Answer(const char* request, size_t size) {
    wire::InHeader header;
    std::memcpy(&header, request, sizeof header);
    const char* body = request + sizeof header;
    const uint32_t op = header.opcode;
    const wire::OpenOut opened{0, wire::kOpenKeepCache | wire::kOpenCacheDir, 0};
    const fuse::Message message{header, {body, size - sizeof header}, {}};
    if (op == wire::kForget || op == wire::kBatchForget || op == wire::kInterrupt) return;
    if (op == wire::kInit) return Reply(header, fuse::NegotiateInit(message, {})->reply);
    if (op == wire::kLookup) return Reply(header, EntryOf(NodeOf(body)));
    if (op == wire::kGetAttr)
      return Reply(header, wire::AttrOut{kTtlSeconds, 0, 0, EntryOf(header.nodeid).attr});
    if (op == wire::kOpen || op == wire::kOpenDir) return Reply(header, opened);
    if (op == wire::kCreate) return Reply(header, wire::CreateOut{EntryOf(kMadeNode), opened});
    if (op == wire::kReadDir) return ReplySlice(header, body, plain_, plain_.size() / kListedLarge);
    if (op == wire::kReadDirPlus) return ReplySlice(header, body, plus_, plus_.size() / kListedLarge);
    if (op == wire::kStatFs) return Reply(header, wire::StatFsOut{});
    const bool done = op == wire::kRelease || op == wire::kReleaseDir || op == wire::kUnlink;
    Send(header, done ? 0 : op == wire::kGetXattr ? -ENODATA : -ENOSYS, nullptr, 0);
  }
  template <typename Body>
  void Reply(const wire::InHeader& header, const Body& body) {
    Send(header, 0, &body, sizeof body);
  }
  void ReplySlice(const wire::InHeader& header, const char* body, const std::string& list, size_t stride) {
    wire::ReadIn args;
    std::memcpy(&args, body, sizeof args);
    const size_t end = ListedIn(header.nodeid), at = std::min<size_t>(args.offset, end);
    Send(header, 0, list.data() + at * stride, std::min(args.size / stride, end - at) * stride);
  }
  void Send(const wire::InHeader& header, int error, const void* body, size_t size) {
    wire::OutHeader out{static_cast<uint32_t>(sizeof out + size), error, header.unique};
    const iovec parts[2] = {{&out, sizeof out}, {const_cast<void*>(body), size}};
    (void)!::writev(fd_, parts, size == 0 ? 1 : 2);
  }

  const int fd_;
  const std::string plain_ = PackPlain(), plus_ = PackPlus();
};

int Main(const char* mountpoint) {
  Background background;
  const int fd = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  const std::string options =
      "fd=" + std::to_string(fd) + ",rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions";
  if (::mount("null_loop", mountpoint, "fuse.null_loop", MS_NODEV | MS_NOSUID, options.c_str()) != 0) {
    return std::perror("null_loop: mount"), 1;
  }
  background.Ready();  // mount(2) does not wait for INIT
  static Loop loop(fd);
  std::thread([] { loop.Run(); }).detach();  // two readers, as plyfs has at rest
  loop.Run();
  return 0;
}

}  // namespace
}  // namespace plyfs::bench

int main(int count, char** words) {
  if (count != 2) return std::fprintf(stderr, "usage: null_loop MOUNTPOINT\n"), 1;
  return plyfs::bench::Main(words[1]);
}
