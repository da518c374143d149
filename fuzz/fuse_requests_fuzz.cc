// The decoder of FUSE requests and the way of each to its reply: sequences of messages, malformed ones among
// them and in any order, up to a fake engine.  What holds: each request is answered once and as the protocol
// has it (fuse_reply.cc), names arrive as legal names, and what the client did not learn is taken back.
// The input is a ClientScript (fuse_client.h).
//
// unit: fuse/decode.cc fuse/dispatcher.cc fuse/exchange.cc fuse/names.cc fuse/files.cc
// unit: fuse/attrs.cc fuse/dirs.cc fuse/xattrs.cc fuse/control.cc fuse/init.cc fuse/encode.cc
// unit: fuse/trace.cc
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "fuzz/fake_union_fs.h"
#include "fuzz/fuse_client.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

using namespace plyfs::fuse;  // NOLINT: this is about nothing else

template <typename T>
T As(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

// What a client holds by what it was told, which must be what the engine thinks that it holds.
class Holdings {
 public:
  void Told(uint32_t opcode, std::string_view body) {
    switch (opcode) {
      case wire::kLookup:
      case wire::kMkNod:
      case wire::kMkDir:
      case wire::kSymlink:
      case wire::kLink:
        if (const uint64_t node = As<wire::EntryOut>(body).nodeid; node != 0) ++nodes_[node];
        return;
      case wire::kCreate:
      case wire::kTmpFile:
        ++nodes_[As<wire::CreateOut>(body).entry.nodeid];
        ++handles_[As<wire::CreateOut>(body).open.fh];
        return;
      case wire::kOpen:
      case wire::kOpenDir:
        ++handles_[As<wire::OpenOut>(body).fh];
        return;
      case wire::kReadDirPlus:
        return ForEachListedNode(body, [&](uint64_t node) { ++nodes_[node]; });
      default:
        return;
    }
  }

  // The client gives something back: both sides forget it.
  void Given(const FakeFs& before, const FakeFs& after) {
    for (const auto& [node, count] : after.lookups) nodes_[node] += count - CountOf(before.lookups, node);
    for (const auto& [handle, count] : after.opens) handles_[handle] += count - CountOf(before.opens, handle);
  }

  void Check(const FakeFs& fake) {
    for (const auto& [node, count] : fake.lookups) Require(CountOf(nodes_, node) == count);
    for (const auto& [node, count] : nodes_) Require(CountOf(fake.lookups, node) == count);
    for (const auto& [handle, count] : fake.opens) Require(CountOf(handles_, handle) == count);
    for (const auto& [handle, count] : handles_) Require(CountOf(fake.opens, handle) == count);
  }

 private:
  static uint64_t CountOf(const std::map<uint64_t, uint64_t>& counts, uint64_t key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
  }

  std::map<uint64_t, uint64_t> nodes_, handles_;
};

bool GivesBack(uint32_t opcode) {
  return opcode == wire::kForget || opcode == wire::kBatchForget || opcode == wire::kRelease ||
         opcode == wire::kReleaseDir;
}

void Run(const ClientScript& script) {
  FakeFs& fake = FakeFs::Get();
  fake = FakeFs();
  static const auto* const kFs = new std::unique_ptr<UnionFs>(*UnionFs::Open(StackConfig(), nullptr));
  Holdings holdings;
  FuseClient client(kFs->get(), script.flags);
  fake.while_executing = [&] { client.WhileExecuting(); };
  client.before = [&](const ClientMessage& message) {
    fake.answer = message.answer;
    fake.size = message.header().pid % 70000;
  };
  client.told = [&](const ClientMessage& message, std::string_view body) {
    holdings.Told(message.header().opcode, body);
  };
  for (const ClientMessage& message : script.messages) {
    const FakeFs before = fake;
    client.Say(message);
    if (GivesBack(message.header().opcode)) holdings.Given(before, fake);
    holdings.Check(fake);
  }
  fake = FakeFs();
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Run(plyfs::fuzz::ClientScript::Parse({reinterpret_cast<const char*>(data), size}));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return plyfs::fuzz::MutateScript(data, size, max_size, seed);
}
