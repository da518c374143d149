// plyfuzz: fuzzes a union filesystem against kernel overlayfs, another one, or the model.  docs/fuzzing.md.
// Exit 0: no difference; 1: it could not be done; 2: a difference.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tests/differential/private_fs.h"
#include "tests/plyfuzz/campaign.h"
#include "tests/plyfuzz/model_campaign.h"
#include "tests/plyfuzz/mount_options.h"
#include "tests/plyfuzz/options.h"

namespace plyfs::fuzz {
namespace {

volatile sig_atomic_t g_stop = 0;

// The first ^C lets the run at hand end in order; the second ends us at once.
void StopInOrder() {
  struct sigaction action = {};
  action.sa_handler = [](int) { g_stop = 1; };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int Refuse(const std::string& why) {
  fprintf(stderr, "plyfuzz: %s\n", why.c_str());
  return 1;
}

std::string OwnFolder() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  const std::string self(path, n < 0 ? 0 : static_cast<size_t>(n));
  return self.substr(0, self.rfind('/'));
}

bool IsThere(const std::string& program) {
  return program == "kernel" || program == "model" || program.find('/') == std::string::npos ||
         access(program.c_str(), X_OK) == 0;
}

int Main(int argc, char** argv) {
  Options options;
  const std::string wrong = ParseOptions(argc, argv, OwnFolder(), &options);
  if (!wrong.empty()) return Refuse(wrong);
  if (options.help) return fputs(kHelp, stdout), 0;
  if (options.list_mount_options) return fputs(DescribeMountOptions().c_str(), stdout), 0;
  for (const std::string& program : {options.subject, options.against}) {
    if (!IsThere(program)) return Refuse(program + ": not a program that can be run; give --subject PROGRAM");
  }
  if (geteuid() != 0) return Refuse("needs root: it mounts, and makes devices and trusted xattrs");
  StopInOrder();
  const rlimit files = {65536, 65536};  // removed objects are held by descriptors
  setrlimit(RLIMIT_NOFILE, &files);
  // Whatever becomes of us, our mounts are nobody else's.
  if (!diff::HaveOwnMounts()) return Refuse(std::string("no mount namespace of its own: ") + strerror(errno));
  std::unique_ptr<diff::PrivateFs> fs;
  if (options.dir.empty()) {
    std::string error;
    fs = diff::PrivateFs::Make(options.fs, &error);
    if (fs == nullptr) return Refuse(error);
    options.dir = fs->path();
  }
  if (options.against == "model") return ModelCampaign(options, options.dir, &g_stop).Go();
  return Campaign(options, options.dir, &g_stop).Go();
}

}  // namespace
}  // namespace plyfs::fuzz

int main(int argc, char** argv) {
  return plyfs::fuzz::Main(argc, argv);
}
