#include "fuzz/fuse_client.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/base/log.h"
#include "fuse/client_state.h"
#include "fuse/init.h"
#include "fuzz/fuse_reply.h"
#include "fuzz/input.h"

namespace plyfs::fuse {
namespace {
bool dying = false;
}  // namespace

// Instead of fuse/client_state.cc, which looks into /proc.
bool ClientIsDying(uint32_t) {
  return dying;
}

}  // namespace plyfs::fuse

namespace plyfs::fuzz {
namespace {

using namespace plyfs::fuse;  // NOLINT: this is about nothing else

constexpr size_t kMostMessages = 200;

IdMaps MapsOf(uint8_t flags) {
  const int64_t squash = (flags & ClientScript::kSquash) != 0 ? 7 : -1;
  std::vector<IdRange> ranges;
  if ((flags & ClientScript::kIdMaps) != 0) ranges = {{1000, 0, 1000}, {0, 5000, 10}};
  return {IdMap(ranges, squash), IdMap(ranges, squash)};
}

const ReaderBuffers& Buffers() {
  static const auto* const kBuffers = new ReaderBuffers(*ReaderBuffers::Make(1u << 20));
  return *kBuffers;
}

}  // namespace

wire::InHeader ClientMessage::header() const {
  wire::InHeader header{};
  std::memcpy(&header, bytes.data(), std::min(bytes.size(), sizeof header));
  return header;
}

ClientScript ClientScript::Parse(std::string_view input) {
  Input in(input);
  ClientScript script;
  script.flags = in.Byte();
  while (!in.empty() && script.messages.size() < kMostMessages) {
    ClientMessage message;
    message.flags = in.Byte();
    message.answer = in.Byte();
    message.bytes = in.Bytes(in.Number16());
    script.messages.push_back(std::move(message));
  }
  return script;
}

std::string ClientScript::Text() const {
  std::string text(1, static_cast<char>(flags));
  for (const ClientMessage& message : messages) {
    const std::string_view bytes = std::string_view(message.bytes).substr(0, 0xffff);
    text += static_cast<char>(message.flags);
    text += static_cast<char>(message.answer);
    text += static_cast<char>(bytes.size() & 0xff);
    text += static_cast<char>(bytes.size() >> 8);
    text += bytes;
  }
  return text;
}

FuseClient::FuseClient(UnionFs* fs, uint8_t script_flags)
    : connection_{fs, Encoder(MapsOf(script_flags), (script_flags & ClientScript::kTimeout) != 0 ? 1.5 : -1),
                  &hand_overs_, (script_flags & ClientScript::kDebug) != 0},
      dispatcher_(connection_, *this, in_flight_, [] {}),
      slot_(in_flight_.Acquire()) {
  SetLogSink([](std::string_view line) { Require(line.find('\n') == line.npos); });
  if ((script_flags & ClientScript::kOldProtocol) != 0) {
    connection_.minor = 31;
  } else {
    connection_.minor = wire::kMinor;
    connection_.flags = wire::kSetXattrExt | wire::kPosixAcl;
  }
}

void FuseClient::Say(ClientMessage message) {
  wire::InHeader header = message.header();
  if (!message.has(ClientMessage::kLengthAsIs) && message.bytes.size() >= sizeof header) {
    header.len = static_cast<uint32_t>(message.bytes.size());
    std::memcpy(message.bytes.data(), &header, sizeof header);
  }
  replies_.clear();
  saying_ = &message;
  dying = message.has(ClientMessage::kDying);
  before(message);
  // Of exactly its size, so that reading beyond the end is seen.
  const auto exact = std::make_unique<char[]>(message.bytes.size());
  std::memcpy(exact.get(), message.bytes.data(), message.bytes.size());
  if (header.opcode == wire::kInit && !started_) {
    Init(message);
  } else {
    dispatcher_.Run({exact.get(), message.bytes.size()}, Buffers(), *slot_);
    CheckReplies(message);
  }
  Require(slot_->unanswered.load() == 0 && slot_->executing.load() == 0);
  saying_ = nullptr;
}

// As Session answers it.
void FuseClient::Init(const ClientMessage& message) {
  Message parts{};
  if (!Split(message.bytes, &parts)) return;
  InitWishes wishes;
  wishes.max_write = parts.header.uid;
  wishes.posix_acl = parts.header.gid % 2 == 0;
  if (parts.header.pid > 30) wishes.minor = parts.header.pid % 50;
  const Result<InitResult> agreed = NegotiateInit(parts, wishes);
  if (!agreed) return Require(agreed.error() == EPROTO);
  const wire::InitOut& out = agreed->reply;
  Require(out.major == wire::kMajor && out.minor <= wire::kMinor);
  if (!agreed->settled) return;
  wire::InitIn offer{};
  std::memcpy(&offer, parts.body.data(), std::min(parts.body.size(), sizeof offer));
  // Nothing is agreed on that was not offered.
  Require((out.flags & ~offer.flags) == 0 && agreed->minor <= offer.minor);
  Require(out.flags2 == 0 || (offer.flags & wire::kInitExt) != 0);
  Require(out.max_write >= 4096 && out.max_write <= 1u << 20 && out.max_write % 4096 == 0);
  Require(out.max_pages == 0 || out.max_pages * 4096u == out.max_write);
  connection_.minor = agreed->minor;
  connection_.flags = agreed->flags;
  started_ = true;
}

void FuseClient::WhileExecuting() {
  if (saying_ == nullptr || !saying_->has(ClientMessage::kInterrupted)) return;
  const uint64_t unique = saying_->header().unique;
  const bool executing = unique != 0 && slot_->unanswered.load() == unique;
  Require(in_flight_.Interrupt(unique) == executing);
}

Status FuseClient::Send(std::span<const char> reply) {
  // Bytes that a client would get: read here, so that what was never written is seen.
  replies_.emplace_back(reply.begin(), reply.end());
  return saying_->has(ClientMessage::kClientGone) ? Status(Errno(ENOENT)) : OkStatus();
}

void FuseClient::CheckReplies(const ClientMessage& message) {
  const wire::InHeader header = message.header();
  const Operation& operation = FindOperation(header.opcode);
  if (message.bytes.size() < sizeof header) return Require(replies_.empty());
  if (header.opcode == wire::kInterrupt) {
    for (const std::string& reply : replies_) Require(ReplyError(reply) == EAGAIN);
    return Require(replies_.size() <= 1);
  }
  if ((operation.traits & kNoReply) != 0) return Require(replies_.empty());
  Require(replies_.size() == 1);
  const std::string& reply = replies_.front();
  CheckReply(message.bytes, reply, connection_);
  const bool early = message.has(ClientMessage::kInterrupted) && ReplyError(reply) == EINTR;
  if (ReplyError(reply) != 0 || early || message.has(ClientMessage::kClientGone)) return;
  told(message, std::string_view(reply).substr(sizeof(wire::OutHeader)));
}

}  // namespace plyfs::fuzz
