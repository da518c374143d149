// FuseClient: a kernel that says whatever an input tells it to, one message after the other, and looks at
// each reply.  The real path from a message's bytes to its reply (fuse/dispatcher.h), without a mount.
//
// What stands behind it is linked in: fake_union_fs.cc, or the engine.  One thread.
#ifndef PLYFS_FUZZ_FUSE_CLIENT_H_
#define PLYFS_FUZZ_FUSE_CLIENT_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/union_fs/union_fs.h"
#include "fuse/connection.h"
#include "fuse/dispatcher.h"
#include "fuse/hand_overs.h"
#include "fuse/in_flight.h"
#include "fuse/reader_buffers.h"
#include "fuse/transport.h"

namespace plyfs::fuzz {

struct ClientMessage {
  enum Flag : uint8_t {
    kLengthAsIs = 1,   // else the header's length is made right
    kClientGone = 2,   // nobody takes the reply
    kInterrupted = 4,  // INTERRUPT comes while it is executed
    kDying = 8,        // and the client is about to end
  };
  uint8_t flags = 0;
  uint8_t answer = 0;  // what the fake engine is to say (fake_union_fs.h)
  std::string bytes;   // as read from /dev/fuse, header first

  bool has(Flag flag) const { return (flags & flag) != 0; }
  fuse::wire::InHeader header() const;
};

// An input: flags of the session, then for each message its flags, its answer, its size in two bytes
// (little-endian) and its bytes.  The last one may be cut short.
struct ClientScript {
  enum Flag : uint8_t {
    kIdMaps = 1,       // owners are mapped
    kSquash = 2,       // and all look alike
    kTimeout = 4,      // timeout=
    kDebug = 8,        // each request is traced
    kOldProtocol = 16  // 7.31 and no features, if no INIT says otherwise
  };
  uint8_t flags = 0;
  std::vector<ClientMessage> messages;

  static ClientScript Parse(std::string_view input);
  std::string Text() const;
};

// For LLVMFuzzerCustomMutator: messages are put in, left out, doubled, moved and changed.
size_t MutateScript(uint8_t* data, size_t size, size_t max_size, unsigned seed);

class FuseClient : private fuse::Transport {
 public:
  FuseClient(UnionFs* fs, uint8_t script_flags);

  // Before the engine is asked.
  std::function<void(const ClientMessage&)> before = [](const ClientMessage&) {};
  // A reply without an error that the client got: what it now knows.
  std::function<void(const ClientMessage&, std::string_view body)> told = [](const ClientMessage&,
                                                                             std::string_view) {};
  void Say(ClientMessage message);
  // INTERRUPT for what is being executed, where the message says so; called by the fake engine.
  void WhileExecuting();

 private:
  Result<std::span<const char>> Receive(std::span<char>) override { return Errno(ENODEV); }
  Status Send(std::span<const char> reply) override;
  void Init(const ClientMessage& message);
  void CheckReplies(const ClientMessage& message);

  fuse::Connection connection_;
  fuse::HandOvers hand_overs_;
  fuse::InFlight in_flight_{*this};
  fuse::Dispatcher dispatcher_;
  fuse::RequestSlot* slot_;
  const ClientMessage* saying_ = nullptr;
  std::vector<std::string> replies_;
  bool started_ = false;  // INIT is agreed on
};

}  // namespace plyfs::fuzz

#endif  // PLYFS_FUZZ_FUSE_CLIENT_H_
