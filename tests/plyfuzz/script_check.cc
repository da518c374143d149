#include "tests/plyfuzz/script_check.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "tests/mount/files.h"

namespace plyfs::fuzz {
namespace {

// The exit status of a script, its output thrown away; -1: it could not be run, or was ended by *stop.
int RunScript(const std::string& script, const std::string& one, const std::string& two,
              const std::string& dir, const volatile sig_atomic_t* stop) {
  const std::string where = "DIR=" + dir;
  const char* const argv[] = {"env",          where.c_str(), "timeout",   "60",        "sh",
                              script.c_str(), "--diff",      one.c_str(), two.c_str(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &files, nullptr, const_cast<char**>(argv), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return -1;
  int status = 0;
  for (bool told = false; waitpid(pid, &status, WNOHANG) == 0; usleep(2000)) {
    // timeout(1) passes it on to all that it has begun.
    if (*stop != 0 && !told) told = kill(pid, SIGTERM) == 0;
  }
  return WIFEXITED(status) && *stop == 0 ? WEXITSTATUS(status) : -1;
}

}  // namespace

void CheckScript(const std::string& script, const Sides& sides, const volatile sig_atomic_t* stop) {
  const std::string file = sides.dir + "/script.sh";
  test::Write(file, script);
  const int differ = RunScript(file, sides.against, sides.subject, sides.dir, stop);
  const int same = RunScript(file, sides.against, sides.against, sides.dir, stop);
  if (differ == 2 && same == 0) {
    fprintf(stderr, "the script shows it: sh SCRIPT --diff %s %s\n", sides.against.c_str(),
            sides.subject.c_str());
  } else {
    fprintf(stderr, "the script does not show it (%s): by the tools that it uses it looks the same\n",
            differ != 2 ? "no difference" : "a difference also where there is none");
  }
}

}  // namespace plyfs::fuzz
