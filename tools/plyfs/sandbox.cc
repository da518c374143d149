#include "tools/plyfs/sandbox.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/io/call_filter.h"

namespace plyfs::tool {
namespace {

using May = sys::Landlock::May;

std::string Refused(const char* what, int error) {
  return std::string("sandbox=on: ") + what + ": " + std::strerror(error) +
         "; it needs Linux 5.19 with Landlock and seccomp, or leave it out";
}

// A path that cannot be opened is refused by name when the layers are.
Status AllowLayers(const ParsedOptions& options, sys::Landlock& rules) {
  const StackConfig& stack = options.stack;
  for (const auto* layers : {&stack.lowerdirs, &stack.datadirs}) {
    for (const std::string& layer : *layers) (void)rules.Allow(layer, May::kRead);
  }
  const May upper = stack.writable() ? May::kChange : May::kRead;
  if (stack.has_upper()) {
    (void)rules.Allow(stack.upperdir, upper);
    (void)rules.Allow(stack.workdir, upper);
  }
  if (!stack.index_dir.empty()) (void)rules.Allow(stack.index_dir, May::kRead);
  // Capabilities and groups of callers, figures of our own.
  PLY_CHECK(rules.Allow("/proc", May::kRead));
  return rules.Allow("/dev/null", May::kReadAndWriteFile);
}

}  // namespace

Sandbox::Sandbox(sys::Landlock rules) : rules_(std::move(rules)) {
  mounting_ = std::thread([this] {
    wanted_.acquire();
    if (mount_) mount_();
  });
}

Sandbox::~Sandbox() {
  if (mounting_.joinable()) Mount(nullptr);
}

Result<std::unique_ptr<Sandbox>> Sandbox::Enter(const ParsedOptions& options, std::string* error_line) {
  if (!options.serve.sandbox) return std::unique_ptr<Sandbox>();
  Result<sys::Landlock> rules = sys::Landlock::Make();
  Status status = rules.ok() ? AllowLayers(options, *rules) : rules.status();
  std::unique_ptr<Sandbox> sandbox;
  if (status.ok()) {
    sandbox.reset(new Sandbox(*std::move(rules)));
    status = sandbox->rules_.BindThread();
  }
  if (status.ok()) return sandbox;
  *error_line = Refused("Landlock", status.error());
  return status.status();
}

void Sandbox::Mount(std::function<void()> mount) {
  mount_ = std::move(mount);
  wanted_.release();
  mounting_.join();
}

Status Sandbox::Serve(const std::function<Status()>& start) const {
  Status status;
  const auto bound = [&] {
    status = rules_.BindThread();
    if (status.ok()) status = start();
  };
  // Where INIT is answered after mount(2) this is the thread that mounts, which has things to do yet.
  if (std::this_thread::get_id() == mounting_.get_id()) {
    std::thread(bound).join();
  } else {
    bound();
  }
  return status;
}

Status Sandbox::Seal(std::string* error_line) const {
  const Status sealed = sys::FilterCalls();
  if (!sealed.ok()) *error_line = Refused("seccomp", sealed.error());
  return sealed;
}

}  // namespace plyfs::tool
