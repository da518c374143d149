#include "tests/mount/live_mount.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "tests/mount/files.h"

extern char** environ;  // NOLINT: POSIX's name

namespace plyfs::test {
namespace {

constexpr int kLiveTimeoutMs = 20000;
constexpr int kEndTimeoutMs = 20000;
// So long a program may take from its mount to going into the background.
constexpr int kLeaveMs = 200;
// Above this many lowers the option string nears what one argument can hold (drop-in.md 1.5).
constexpr size_t kLowersInArgument = 200;

void SleepMs(int ms) {
  timespec ts{ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&ts, nullptr);
}

// M2, M3: backslash before what would end the path.
std::string Escape(const std::string& path, bool colon_too) {
  std::string out;
  for (char c : path) {
    if (c == '\\' || c == ',' || (colon_too && c == ':')) out += '\\';
    out += c;
  }
  return out;
}

std::vector<std::string> SplitOptions(const std::string& options) {
  std::vector<std::string> out;
  for (size_t at = 0; at < options.size();) {
    size_t end = std::min(options.find(',', at), options.size());
    if (end > at) out.push_back(options.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string OptionString(const MountPlan& plan, const std::string& log_path) {
  std::string lowers;
  if (plan.lowers.size() > kLowersInArgument && plan.data.empty()) {
    std::string list = log_path + ".lowers";
    std::string lines;
    for (const std::string& lower : plan.lowers) lines += lower + "\n";
    Write(list, lines);
    lowers = "@" + list;
  } else {
    for (const std::string& lower : plan.lowers) {
      if (!lowers.empty()) lowers += ':';
      lowers += Escape(lower, true);
    }
  }
  for (const std::string& data : plan.data) lowers += "::" + Escape(data, true);
  std::string options = "lowerdir=" + lowers;
  if (!plan.upper.empty()) {
    options += ",upperdir=" + Escape(plan.upper, false) + ",workdir=" + Escape(plan.work, false);
  }
  if (!plan.options.empty()) options += "," + plan.options;
  return options;
}

std::string Describe(const std::string& what, int error) {
  return what + ": " + strerror(error);
}

// Makes the indices of the plan's lowers.  Empty, or what failed.
std::string MakeIndices(const MountPlan& plan, const std::string& folder, const std::string& log_path) {
  std::vector<std::string> words{plan.plyctl, "index", "--index-dir", folder};
  words.insert(words.end(), plan.lowers.begin(), plan.lowers.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0644);
  pid_t pid = 0;
  int error = posix_spawn(&pid, plan.plyctl.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  int status = 0;
  if (error != 0) return Describe(plan.plyctl, error);
  if (waitpid(pid, &status, 0) == pid && status == 0) return "";
  return "plyctl: " + Read(log_path);
}

// The kernel's own words about a refused option, if it left any.
std::string ContextMessage(int fs) {
  char line[512];
  ssize_t n = read(fs, line, sizeof line - 1);
  return n > 2 ? " (" + std::string(line, static_cast<size_t>(n)) + ")" : "";
}

bool Configure(int fs, const std::string& key, const std::string& value, std::string* error) {
  if (fsconfig(fs, FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) == 0) return true;
  *error = Describe("overlay " + key + "=" + value, errno) + ContextMessage(fs);
  return false;
}

bool ConfigureAll(int fs, const MountPlan& plan, std::string* error) {
  // A layer a call: one string is limited to 255 bytes and the old interface to one page (M6, M8).
  for (const std::string& lower : plan.lowers) {
    if (!Configure(fs, "lowerdir+", lower, error)) return false;
  }
  for (const std::string& data : plan.data) {
    if (!Configure(fs, "datadir+", data, error)) return false;
  }
  if (!plan.upper.empty() && (!Configure(fs, "upperdir", Escape(plan.upper, false), error) ||
                              !Configure(fs, "workdir", Escape(plan.work, false), error))) {
    return false;
  }
  for (const std::string& option : SplitOptions(plan.options)) {
    size_t equals = option.find('=');
    if (equals != std::string::npos) {
      if (!Configure(fs, option.substr(0, equals), option.substr(equals + 1), error)) return false;
    } else if (fsconfig(fs, FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0) < 0) {
      *error = Describe("overlay " + option, errno) + ContextMessage(fs);
      return false;
    }
  }
  return true;
}

// A child that nobody has waited for; 0: there is none.
pid_t AnyChild() {
  const std::string children = Read("/proc/thread-self/children");
  return static_cast<pid_t>(atoi(children.c_str()));
}

pid_t Spawn(const std::string& program, const std::string& options, const MountPlan& plan,
            const std::string& log_path, const std::vector<std::string>& environment) {
  std::vector<char*> env;
  for (const std::string& line : environment) env.push_back(const_cast<char*>(line.c_str()));
  for (char** e = environ; *e != nullptr; ++e) env.push_back(*e);
  env.push_back(nullptr);
  std::vector<const char*> argv = {program.c_str()};
  if (!plan.plain_call) argv.push_back("-f");
  argv.insert(argv.end(), {"-o", options.c_str(), plan.mountpoint.c_str(), nullptr});
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // A group of its own: a terminal's ^C is for the test, which then ends the program in order.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  // A plain name is looked for as a shell does.
  int error =
      posix_spawnp(&pid, program.c_str(), &actions, &attributes, const_cast<char**>(argv.data()), env.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  errno = error;
  return error == 0 ? pid : -1;
}

std::string StatusText(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  return "killed by signal " + std::to_string(WTERMSIG(status));
}

}  // namespace

LiveMount::LiveMount(std::string mountpoint, pid_t daemon, std::string log_path)
    : mountpoint_(std::move(mountpoint)), daemon_(daemon), log_path_(std::move(log_path)) {}

std::unique_ptr<LiveMount> LiveMount::Kernel(const MountPlan& plan, std::string* error) {
  int fs = fsopen("overlay", FSOPEN_CLOEXEC);
  if (fs < 0) {
    *error = Describe("fsopen overlay", errno);
    return nullptr;
  }
  int mount = -1;
  if (ConfigureAll(fs, plan, error)) {
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0 ||
        (mount = fsmount(fs, FSMOUNT_CLOEXEC, 0)) < 0 ||
        move_mount(mount, "", AT_FDCWD, plan.mountpoint.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) {
      *error = Describe("mount overlay on " + plan.mountpoint, errno) + ContextMessage(fs);
      if (mount >= 0) close(mount);
      mount = -1;
    }
  }
  close(fs);
  if (mount < 0) return nullptr;
  close(mount);
  return std::unique_ptr<LiveMount>(new LiveMount(plan.mountpoint, 0, ""));
}

std::unique_ptr<LiveMount> LiveMount::Program(const std::string& program, const MountPlan& plan,
                                              const std::string& log_path, std::string* error,
                                              const std::vector<std::string>& environment) {
  struct stat covered;
  if (lstat(plan.mountpoint.c_str(), &covered) < 0) {
    *error = Describe(plan.mountpoint, errno);
    return nullptr;
  }
  std::string options = OptionString(plan, log_path);
  if (!plan.plyctl.empty()) {
    *error = MakeIndices(plan, log_path + ".indices", log_path);
    if (!error->empty()) return nullptr;
    options += ",index_dir=" + Escape(log_path + ".indices", false);
  }
  // What goes into the background becomes our child again.
  if (plan.plain_call) prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t pid = Spawn(program, options, plan, log_path, environment);
  if (pid < 0) {
    *error = Describe(program, errno);
    return nullptr;
  }
  std::unique_ptr<LiveMount> live(new LiveMount(plan.mountpoint, pid, log_path));
  if (!live->WaitUntilLive(covered.st_dev, plan.plain_call, error)) return nullptr;
  // One that was not taken would leave what is tested untested.
  if (!plan.plyctl.empty() && Read(log_path).find("index_dir") != std::string::npos) {
    *error = Read(log_path);
    return nullptr;
  }
  return live;
}

bool LiveMount::WaitUntilLive(dev_t covered, bool may_leave, std::string* error) {
  bool left = false;
  for (int waited = 0; waited < kLiveTimeoutMs; ++waited) {
    struct stat st;
    const bool live = lstat(mountpoint_.c_str(), &st) == 0 && st.st_dev != covered;
    int status = 0;
    // One that leaves is waited for: its heir is the daemon.
    if (live && (!may_leave || left || waited >= kLeaveMs)) return true;
    if (left) {
      SleepMs(1);
      continue;
    }
    if (Reap(1, &status) && may_leave && status == 0) {
      left = true;
      daemon_ = AnyChild();
    } else if (daemon_ == 0) {
      *error = StatusText(status) + ": " + (Exists(log_path_) ? Read(log_path_) : "");
      return false;
    }
  }
  *error = "not mounted after " + std::to_string(kLiveTimeoutMs / 1000) + " s";
  return false;
}

bool LiveMount::Reap(int timeout_ms, int* status) {
  for (int waited = 0;; ++waited) {
    if (waitpid(daemon_, status, WNOHANG) == daemon_) {
      daemon_ = 0;
      return true;
    }
    if (waited >= timeout_ms) return false;
    SleepMs(1);
  }
}

bool LiveMount::Unmount(std::string* error) {
  int rc = -1;
  // A just-ended client may still be letting go of its files.
  for (int tries = 0; tries < 200; ++tries) {
    rc = umount2(mountpoint_.c_str(), UMOUNT_NOFOLLOW);
    if (rc == 0 || errno != EBUSY) break;
    SleepMs(5);
  }
  if (rc < 0) {
    *error = Describe("umount " + mountpoint_, errno);
    Kill();
    return false;
  }
  mounted_ = false;
  if (daemon_ == 0) return true;
  int status = 0;
  if (!Reap(kEndTimeoutMs, &status)) {
    *error = "the program still runs " + std::to_string(kEndTimeoutMs / 1000) + " s after umount";
    Kill();
    return false;
  }
  if (status != 0) *error = StatusText(status) + ": " + Read(log_path_);
  return status == 0;
}

void LiveMount::Kill() {
  int status = 0;
  if (daemon_ != 0 && !Reap(0, &status)) {
    kill(daemon_, SIGKILL);
    // Not before the mount is detached: a dying daemon can hang on its own mount.
    if (mounted_) umount2(mountpoint_.c_str(), MNT_DETACH);
    mounted_ = false;
    Reap(kEndTimeoutMs, &status);
  }
  if (mounted_) umount2(mountpoint_.c_str(), MNT_DETACH);
  mounted_ = false;
}

LiveMount::~LiveMount() {
  if (mounted_ || daemon_ != 0) Kill();
}

}  // namespace plyfs::test
