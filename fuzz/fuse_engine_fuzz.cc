// The engine behind messages that no kernel would send: nodes, handles, offsets and flags made up, and in any
// order.  What holds is what fuse_requests asks of replies; the lower layers stay as they are, nothing
// outside of upper and work is touched, and what is left can be mounted again. The input is a ClientScript
// (fuse_client.h).  Needs root: the layers are on a tmpfs of a mount namespace of its own, without devices
// and small.
//
// unit: fuse/decode.cc fuse/exchange.cc fuse/names.cc fuse/init.cc fuse/trace.cc
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "engine/io/sys_creds.h"
#include "fuzz/fuse_client.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

namespace fs = std::filesystem;

const fs::path kBase = "/mnt";  // of the private namespace

// False: not allowed to.
bool MakePrivateBase() {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return false;
  return ::mount("fuzz", kBase.c_str(), "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "size=64m") == 0;
}

bool Prepared() {
  static const bool kPrepared = [] {
    if (!MakePrivateBase()) {
      std::fprintf(stderr, "fuse_engine: not root, so nothing is tried\n");
      return false;
    }
    ::umask(0);
    // Who writes at the far end of a file, or wants all of it at once, is refused.
    const rlimit small{1 << 20, 1 << 20};
    (void)::setrlimit(RLIMIT_FSIZE, &small);
    (void)std::signal(SIGXFSZ, SIG_IGN);
    return true;
  }();
  return kPrepared;
}

void Put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

void MakeTree() {
  for (const auto& entry : fs::directory_iterator(kBase)) fs::remove_all(entry.path());
  Put(kBase / "canary/file", "untouched");
  Put(kBase / "a/dir/file", "from a");
  Put(kBase / "a/dir/sub/deep", "deep");
  Put(kBase / "a/f", "f");
  Put(kBase / "b/dir/other", "from b");
  Put(kBase / "b/g", std::string(9000, 'g'));
  fs::create_symlink("../canary/file", kBase / "a/link");
  fs::create_hard_link(kBase / "b/g", kBase / "b/h");
  fs::create_directory(kBase / "u");
  fs::create_directory(kBase / "w");
}

std::string Describe(const fs::path& path) {
  struct stat st;
  Require(::lstat(path.c_str(), &st) == 0);
  std::string text = std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + " " +
                     std::to_string(st.st_nlink) + " " + std::to_string(st.st_mtim.tv_nsec);
  if (S_ISREG(st.st_mode)) text += " " + std::to_string(st.st_size);
  return text;
}

// All that is not upper's or work's.
std::map<std::string, std::string> OutsideOfUpper() {
  std::map<std::string, std::string> all;
  for (const char* top : {"a", "b", "canary"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kBase / top)) {
      all[entry.path()] = Describe(entry.path());
    }
  }
  Require(std::distance(fs::directory_iterator(kBase), fs::directory_iterator()) == 5);
  return all;
}

std::unique_ptr<UnionFs> Mount() {
  StackConfig config;
  config.lowerdirs = {kBase / "a", kBase / "b"};
  config.upperdir = kBase / "u";
  config.workdir = kBase / "w";
  config.redirect_dir = RedirectDir::kOn;
  config.lower = LowerMode::kFrozen;
  config.use_io_uring = false;
  std::string line;
  auto opened = UnionFs::Open(config, &line);
  if (!opened.ok()) std::fprintf(stderr, "%s\n", line.c_str());
  Require(opened.ok());
  return *std::move(opened);
}

// What the nodes are that the client was told of: only files are opened, as special files are the kernel's
// (F26), and only directories are opened as such.
class Types {
 public:
  void Told(const fuse::wire::InHeader& header, std::string_view body) {
    switch (header.opcode) {
      case fuse::wire::kLookup:
      case fuse::wire::kMkNod:
      case fuse::wire::kMkDir:
      case fuse::wire::kSymlink:
      case fuse::wire::kLink:
      case fuse::wire::kCreate:
      case fuse::wire::kTmpFile: {
        fuse::wire::EntryOut entry;
        std::memcpy(&entry, body.data(), sizeof entry);
        if (entry.nodeid != 0) types_[entry.nodeid] = entry.attr.mode & S_IFMT;
        return;
      }
      case fuse::wire::kOpen:
        return Require(!types_.contains(header.nodeid) || types_[header.nodeid] == S_IFREG);
      case fuse::wire::kOpenDir:
        return Require(!types_.contains(header.nodeid) || types_[header.nodeid] == S_IFDIR);
      default:
        return;
    }
  }

 private:
  std::map<uint64_t, uint32_t> types_{{1, S_IFDIR}};
};

void Run(const ClientScript& script) {
  (void)sys::KeepCapabilitiesAcrossFsIds();
  const std::unique_ptr<UnionFs> mounted = Mount();
  FuseClient client(mounted.get(), script.flags);
  Types types;
  client.told = [&](const ClientMessage& message, std::string_view body) {
    types.Told(message.header(), body);
  };
  for (const ClientMessage& message : script.messages) client.Say(message);
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plyfs::fuzz;
  if (!Prepared()) return 0;
  MakeTree();
  const auto before = OutsideOfUpper();
  const ClientScript script = ClientScript::Parse({reinterpret_cast<const char*>(data), size});
  // On a thread of its own: whose files it makes, and with which umask, stays with it.
  std::thread([&] { Run(script); }).join();
  Require(OutsideOfUpper() == before);
  std::thread([] { Mount(); }).join();
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return plyfs::fuzz::MutateScript(data, size, max_size, seed);
}
