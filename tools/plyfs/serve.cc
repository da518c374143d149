#include "tools/plyfs/serve.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/io/sys_limits.h"
#include "engine/union_fs/union_fs.h"
#include "tools/plyfs/layer_paths.h"
#include "tools/plyfs/privileges.h"
#include "tools/plyfs/sandbox.h"
#include "tools/plyfs/signals.h"

namespace plyfs::tool {
namespace {

constexpr std::chrono::milliseconds kFarewell(20);
constexpr int kDescriptors = 16384;  // about what the caches (ops/parts.h) and many layers hold

bool SelinuxIsOn() {
  return ::access("/sys/fs/selinux/enforce", F_OK) == 0;
}

std::vector<fuse::IdRange> Ranges(const std::vector<IdMapRange>& map) {
  std::vector<fuse::IdRange> ranges;
  for (const IdMapRange& range : map) ranges.push_back({range.disk, range.seen, range.length});
  return ranges;
}

// By the thread that may, with readers that may not.
Result<fuse::Mount> CreateMount(const fuse::MountSpec& spec, Sandbox* sandbox,
                                const std::function<Status(int)>& start, std::string* line) {
  if (sandbox == nullptr) return fuse::Mount::Create(spec, start, line);
  std::optional<Result<fuse::Mount>> mount;
  sandbox->Mount([&] {
    mount =
        fuse::Mount::Create(spec, [&](int fd) { return sandbox->Serve([&] { return start(fd); }); }, line);
  });
  return *std::move(mount);
}

// Giving much memory back takes long, and so does the end of watching: upper's locks would be held until that
// is done, and the layers' filesystems be busy for who unmounts them next.
void LetGo(UnionFs& fs) {
  fs.Close();
  fs.LetGo();
  sys::CloseFilesAndDirectories();
}

}  // namespace

fuse::MountSpec MountSpecOf(const ParsedOptions& options, const char* program, const std::string& source,
                            const std::string& mountpoint) {
  const MountWish& wish = options.mount;
  fuse::MountSpec spec;
  spec.mountpoint = mountpoint;
  spec.source = !wish.fsname.empty() ? wish.fsname : !source.empty() ? source : program;
  spec.subtype = !wish.subtype.empty() ? wish.subtype : program;
  spec.ms_flags = wish.flags.set;
  spec.propagation = wish.flags.propagation;
  spec.allow_other = wish.allow_other;
  spec.allow_root = wish.allow_root;
  spec.auto_unmount = wish.auto_unmount;
  spec.max_read = wish.max_read;
  if (SelinuxIsOn()) spec.selinux_context = wish.selinux_context;
  return spec;
}

fuse::SessionOptions SessionOptionsOf(const ParsedOptions& options, bool debug) {
  const ServeWish& wish = options.serve;
  fuse::SessionOptions session;
  session.threads = wish.threads;
  if (wish.max_write != 0) session.max_write = wish.max_write;
  session.posix_acl = wish.posix_acl;
  session.read_only = !options.stack.writable();
  session.timeout_s = wish.timeout_s;
  session.debug = debug;
  session.uid_map = Ranges(wish.uid_map);
  session.gid_map = Ranges(wish.gid_map);
  session.squash_uid = wish.squash_uid;
  session.squash_gid = wish.squash_gid;
#ifdef PLYFS_DEBUG
  // tests/linux_6_1 plays an older kernel.
  if (const char* minor = std::getenv("PLYFS_FUSE_MINOR")) session.protocol_minor = std::atoi(minor);
#endif
  return session;
}

void Serve(const ParsedOptions& options, const fuse::MountSpec& spec,
           const fuse::SessionOptions& session_options, const Keeper& keeper, Launch launch, int failure,
           bool may_cover) {
  (void)sys::RaiseDescriptorLimit();  // fewer descriptors are slower, not wrong
  sys::ReserveDescriptors(kDescriptors);
  // Of the others glibc's malloc_trim gives back all but their ends, which may be most of what they had
  // (ops/forget.cc).
  (void)::mallopt(M_ARENA_MAX, 1);
  // khugepaged would fill the holes that are given back up to huge pages again.
  (void)::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  if (const Status dropped = DropDaemonPrivileges(options.stack.writable()); !dropped.ok()) {
    launch.Failed(std::string("cannot give up privileges: ") + std::strerror(dropped.error()) +
                  "; see the system's log");
  }
  SignalThread::Block();
  std::string line;
  const Result<std::unique_ptr<Sandbox>> entered = Sandbox::Enter(options, &line);
  if (!entered.ok()) launch.Failed(line);
  Sandbox* sandbox = entered->get();
  SignalThread& signals = *new SignalThread(failure);
  ::umask(0);
  Result<std::unique_ptr<UnionFs>> opened = UnionFs::Claim(options.stack, &line);
  if (!opened.ok()) launch.Failed(line.empty() ? std::strerror(opened.error()) : line);
  // Never taken down: at the end the process goes without giving memory back piece by piece.
  UnionFs& fs = *opened->release();
  if (!may_cover &&
      !CheckMountpointFree(options.stack, spec.mountpoint, "fuse." + spec.subtype, &line).ok()) {
    launch.Failed(line);
  }

  signals.Mounting();
  fuse::Session* session = nullptr;
  fuse::SessionOptions wishes = session_options;
  std::string why_not_prepared;
  wishes.before_init = [&] { return fs.Prepare(&why_not_prepared); };
  wishes.at_end = [&] { LetGo(fs); };
  Result<fuse::Mount> mount = CreateMount(
      spec, sandbox,
      [&](int fd) {
        session = new fuse::Session(fd, fs, wishes);
        return session->Start();
      },
      &line);
  if (!mount.ok()) {
    fs.Close();
    if (!why_not_prepared.empty()) line = why_not_prepared;
    launch.Failed(line.empty() ? "mountpoint " + spec.mountpoint + ": " + std::strerror(mount.error())
                               : line);
  }
  if (::chdir("/") != 0) Logf("cannot leave the working directory: %s", std::strerror(errno));
  for (const std::string& note : options.notes) Log(note);
  const bool owned = MountedFd(spec.mountpoint) < 0;
  if (owned) keeper.Mounted(mount->by_fusermount());
  if (sandbox != nullptr && !sandbox->Seal(&line).ok()) {
    (void)keeper.Unmount(/*lazy=*/true);
    fs.Close();
    launch.Failed(line);
  }
  signals.Serving(&*mount, session, owned ? &keeper : nullptr);
  if (!launch.Ready()) {
    Log("who started this mount is gone: unmounted");
    signals.Detach();
  }

  session->Wait();
  fs.Close();
  (void)session->WaitUntilQuiet(kFarewell);
  ::_exit(signals.CutShort() ? failure : 0);
}

}  // namespace plyfs::tool
