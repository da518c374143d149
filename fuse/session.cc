#include "fuse/session.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "engine/base/log.h"
#include "fuse/dev_transport.h"
#include "fuse/dispatcher.h"
#include "fuse/init.h"
#include "fuse/notify.h"
#include "fuse/reader_pool.h"
#include "fuse/signals_blocked.h"
#include "fuse/slow.h"
#include "fuse/trace.h"

namespace plyfs::fuse {
namespace {

constexpr std::chrono::milliseconds kFarewell(20);

// Two readers are the quickest on two CPUs (transport.md section 3); more than four only wake in turn with
// cold caches.
int ReadersAtRest(int wished) {
  if (wished > 0) return wished;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 4);
}

}  // namespace

class Session::Impl {
 public:
  Impl(int fd, UnionFs& fs, const SessionOptions& options)
      : options_(options),
        connection_{&fs,
                    Encoder(IdMaps{IdMap(options.uid_map, options.squash_uid),
                                   IdMap(options.gid_map, options.squash_gid)},
                            options.timeout_s),
                    nullptr, options.debug},
        transport_(fd) {}

  Status Start() {
    PLY_TRY(const InitResult agreed, AnswerInit());
    connection_.minor = agreed.minor;
    connection_.flags = agreed.flags;
    connection_.hand_overs = &transport_.hand_overs();
    const SignalsBlocked blocked;
    notifier_.Start(connection_.has(wire::kHasExpireOnly));
    connection_.fs->SetInvalidator(&notifier_);
    slow_.Start();
    const int at_rest = ReadersAtRest(options_.threads);
    return readers_.Start({at_rest, std::max(options_.max_threads, at_rest), agreed.max_write});
  }

  // False: threads of ours are left.
  bool Finish() {
    connection_.fs->SetInvalidator(nullptr);
    slow_.Stop();
    const bool quiet = notifier_.Stop(kFarewell);
    return readers_.WaitUntilGone(kFarewell) && quiet;
  }

  ReaderPool& readers() { return readers_; }
  SlowWatch& slow() { return slow_; }
  const HandOvers& hand_overs() const { return transport_.hand_overs(); }

 private:
  Result<InitResult> AnswerInit();
  Result<Message> ReceiveInit(const ReaderBuffers& buffers);
  Status SendInit(const Message& message, const ReaderBuffers& buffers, const wire::InitOut& reply,
                  int error);

  void BeforeBlocking() {
    slow_.Wake();
    readers_.BeforeBlocking();
  }

  const SessionOptions options_;
  Connection connection_;
  DevTransport transport_;
  InFlight in_flight_{transport_};
  SlowWatch slow_{in_flight_,
                  [this](NodeId node, LayerId asked) { return connection_.fs->Describe(node, asked); }};
  Notifier notifier_{transport_, [this](NodeId node) { return connection_.fs->NamesTold(node); }};
  Dispatcher dispatcher_{connection_, transport_, in_flight_, [this] { BeforeBlocking(); }};
  ReaderPool readers_{transport_, in_flight_,
                      [this](std::span<const char> bytes, const ReaderBuffers& buffers, RequestSlot& slot) {
                        dispatcher_.Run(bytes, buffers, slot);
                      },
                      options_.at_end};
};

Result<Message> Session::Impl::ReceiveInit(const ReaderBuffers& buffers) {
  while (true) {
    const auto bytes = transport_.Receive(buffers.request());
    // Nobody signals us but for giving up a mount that failed (mount.cc).
    if (bytes.error() == EINTR) return Errno(EINTR);
    if (!bytes && FateOf(bytes.error()) == ReceiveFate::kAgain) continue;
    if (!bytes) return bytes.status();
    Message message{};
    PLY_CHECK(Split(*bytes, &message));
    return message;
  }
}

Result<InitResult> Session::Impl::AnswerInit() {
  PLY_TRY(const ReaderBuffers buffers, ReaderBuffers::Make(options_.max_write));
  InitWishes wishes;
  wishes.max_write = options_.max_write;
  wishes.posix_acl = options_.posix_acl;
  wishes.minor = static_cast<uint32_t>(std::max(options_.protocol_minor, 0));
  bool prepared = !options_.before_init;
  while (true) {
    PLY_TRY(const Message message, ReceiveInit(buffers));
    const auto agreed = NegotiateInit(message, wishes);
    if (agreed.ok() && !prepared) {
      const Status done = options_.before_init();
      if (!done.ok()) {
        (void)SendInit(message, buffers, wire::InitOut{}, EIO);
        return done.status();
      }
      prepared = true;
    }
    if (options_.debug) {
      Log(DescribeExchange(FindOperation(message.header.opcode), message.header, message.body, agreed.error(),
                           sizeof(wire::InitOut)));
    }
    PLY_CHECK(SendInit(message, buffers, agreed.ok() ? agreed->reply : wire::InitOut{}, agreed.error()));
    if (!agreed) {
      Log("fuse: this kernel's FUSE protocol is too old; plyfs needs Linux 5.4 or later");
      return agreed.status();
    }
    if (agreed->settled) return *agreed;
  }
}

Status Session::Impl::SendInit(const Message& message, const ReaderBuffers& buffers,
                               const wire::InitOut& reply, int error) {
  const size_t size = error == 0 ? sizeof reply : 0;
  const std::span<char> whole = buffers.whole_reply(size);
  const wire::OutHeader header{static_cast<uint32_t>(whole.size()), -error, message.header.unique};
  std::memcpy(whole.data(), &header, sizeof header);
  std::memcpy(buffers.body().data(), &reply, sizeof reply);
  return transport_.Send(whole);
}

Session::Session(int fd, UnionFs& fs, const SessionOptions& options)
    : impl_(std::make_unique<Impl>(fd, fs, options)) {}

Session::~Session() {
  if (!impl_->Finish()) (void)impl_.release();
}

Status Session::Start() {
  return impl_->Start();
}
void Session::Wait() {
  impl_->readers().Wait();
  impl_->hand_overs().Report();
}
bool Session::WaitUntilQuiet(std::chrono::milliseconds timeout) {
  return impl_->readers().WaitUntilGone(timeout);
}
void Session::Stop() {
  impl_->readers().Stop();
}
void Session::LogInFlight() {
  impl_->slow().LogAll();
}
uint64_t Session::readers_started() const {
  return impl_->readers().started();
}

}  // namespace plyfs::fuse
