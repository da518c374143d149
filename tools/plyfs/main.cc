// plyfs: mounts a union of directories.  Reads the command line, then serves (serve.h) or remounts
// (remount.h).
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/planted.h"
#include "engine/format/mount_options.h"
#include "engine/io/fault.h"
#include "engine/io/sys_creds.h"
#include "engine/io/unique_fd.h"
#include "tools/plyfs/command_line.h"
#include "tools/plyfs/help.h"
#include "tools/plyfs/keeper.h"
#include "tools/plyfs/launch.h"
#include "tools/plyfs/layer_paths.h"
#include "tools/plyfs/list_file.h"
#include "tools/plyfs/other_whiteouts.h"
#include "tools/plyfs/remount.h"
#include "tools/plyfs/report.h"
#include "tools/plyfs/serve.h"

namespace plyfs::tool {
namespace {

// Started without a standard stream, the first files opened would take its place and be written to.
void OccupyStandardStreams() {
  int fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::dup(fd);
  if (fd > STDERR_FILENO) ::close(fd);
}

int Say(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 1;
}

[[noreturn]] void Fail(const char* program, int code, const std::string& line) {
  ReportLine(program, line);
  std::exit(code);
}

// mount -N NS: a path of a namespace or the id of a process in it.
Status EnterMountNamespace(const std::string& where, std::string* line) {
  bool is_pid = where.find_first_not_of("0123456789") == std::string::npos;
  std::string path = is_pid ? "/proc/" + where + "/ns/mnt" : where;
  UniqueFd ns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (ns && ::setns(ns.get(), CLONE_NEWNS) == 0) return OkStatus();
  Errno error = LastErrno();
  *line = "-N " + where + ": cannot enter: " + std::strerror(error.value()) + "; name a mount namespace";
  return error;
}

ParsedOptions OptionsOf(const CommandLine& command, Personality personality, const char* program,
                        int failure) {
  OptionContext context;
  context.personality = personality;
  context.root = ::geteuid() == 0;
  context.trusted = sys::InInitialUserNamespace() && sys::HasCapability(CAP_SYS_ADMIN);
  context.read_list = ReadListFile;
  std::string line;
  Result<ParsedOptions> options = ParseMountOptions(command.option_texts, command.strict, context, &line);
  if (!options.ok()) Fail(program, failure, line);
  for (const std::string& warning : command.warnings) ReportLine(program, warning);
  if (command.sloppy) options->warnings.clear();
  for (const std::string& warning : options->warnings) ReportLine(program, warning);
  return *std::move(options);
}

void ShowOptions(const ParsedOptions& options, const fuse::MountSpec& spec) {
  const StackConfig& stack = options.stack;
  for (const std::string& path : stack.lowerdirs)
    std::fprintf(stderr, "lowerdir=%s\n", OneLine(path).c_str());
  for (const std::string& path : stack.datadirs) std::fprintf(stderr, "datadir=%s\n", OneLine(path).c_str());
  std::fprintf(stderr, "upperdir=%s\nworkdir=%s\n", OneLine(stack.upperdir).c_str(),
               OneLine(stack.workdir).c_str());
  std::fprintf(stderr, "mountpoint=%s source=%s type=fuse.%s flags=%#lx\n", OneLine(spec.mountpoint).c_str(),
               OneLine(spec.source).c_str(), OneLine(spec.subtype).c_str(), spec.ms_flags);
  std::fprintf(stderr,
               "redirect_dir=%d metacopy=%d userxattr=%d fsync=%d uuid=%d xino=%d threads=%d timeout=%g\n",
               static_cast<int>(stack.redirect_dir), stack.metacopy, stack.userxattr,
               static_cast<int>(stack.fsync), static_cast<int>(stack.uuid), static_cast<int>(stack.xino),
               options.serve.threads, options.serve.timeout_s);
}

// `title`: where argv lies in memory.
int Main(const std::vector<std::string>& argv, std::span<char> title) {
  std::vector<int> inherited = InheritedFds();
  OccupyStandardStreams();
  const char* program = ProgramName(ProgramByName(argv.empty() ? "" : argv[0]));
  std::string line;
  std::optional<CommandLine> command = ParseCommandLine(argv, &line);
  if (!command) Fail(program, kUsageFailure, line);
  if (command->action == CommandLine::Action::kHelp) return Say(HelpText(command->program));
  if (command->action == CommandLine::Action::kVersion) return Say(VersionText(command->program));

  int failure = MountFailure(command->program);
  if (!command->mount_namespace.empty() && !EnterMountNamespace(command->mount_namespace, &line).ok()) {
    Fail(program, failure, line);
  }
  Personality personality =
      command->program == Program::kFuseOverlayfs ? Personality::kFuseOverlayfs : Personality::kPlyfs;
  ParsedOptions options = OptionsOf(*command, personality, program, failure);
  Result<std::string> mountpoint = PlaceMountpoint(command->mountpoint, &line);
  if (!mountpoint.ok()) Fail(program, failure, line);
  if (options.remount) {
    if (!command->fake && !RemountLive(*mountpoint, options.mount.flags, &line).ok())
      Fail(program, failure, line);
    return 0;
  }
  if (!PlaceLayers(options, personality, &line).ok()) Fail(program, failure, line);
  if (command->fake) return 0;
  SettleOtherWhiteouts(options, personality);

  bool debug = command->debug || options.serve.debug;
  bool foreground = command->foreground || debug;
  fuse::MountSpec spec = MountSpecOf(options, program, command->source, *mountpoint);
  if (debug) ShowOptions(options, spec);
  OpenLog(program, foreground);
  std::erase(inherited, MountedFd(*mountpoint));
  Launch launch = foreground ? Launch::Foreground(program, failure)
                             : Launch::Background(program, failure, std::move(inherited));
  Result<Keeper> keeper = Keeper::Start(spec.mountpoint, title);
  if (!keeper.ok()) {
    launch.Failed(std::string("cannot start the process that keeps the mount: ") +
                  std::strerror(keeper.error()) + "; raise the limits on processes (ulimit -u) and files");
  }
  Serve(options, spec, SessionOptionsOf(options, debug), *keeper, std::move(launch), failure,
        personality == Personality::kFuseOverlayfs);
}

}  // namespace
}  // namespace plyfs::tool

int main(int argc, char** argv) {
#ifdef PLYFS_DEBUG
  // Tests of debug builds plant faults in the daemon (engine/io/fault.h, engine/base/planted.h).
  if (!plyfs::InstallFaultsFromEnvironment().ok() || !plyfs::InstallPlantFromEnvironment().ok()) return 1;
#endif
  // One after the other, each with its NUL.
  char* end = argc > 0 ? argv[argc - 1] + std::strlen(argv[argc - 1]) : nullptr;
  return plyfs::tool::Main(std::vector<std::string>(argv, argv + argc), {argc > 0 ? argv[0] : nullptr, end});
}
