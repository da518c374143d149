#include "fuzz/fuse_reply.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/name.h"
#include "fuse/decode.h"
#include "fuse/op_table.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

using namespace plyfs::fuse;  // NOLINT: this is about nothing else

constexpr int kErrnoEnd = 512;  // fs/fuse/dev.c:fuse_dev_do_write

template <typename T>
T As(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

// Whole records with legal names, and nothing of other replies between them.
void CheckListing(std::string_view body, size_t head) {
  while (!body.empty()) {
    Require(body.size() >= head + sizeof(wire::Dirent));
    const auto dirent = As<wire::Dirent>(body.substr(head));
    const size_t bare = head + sizeof dirent + dirent.namelen;
    const size_t whole = wire::AlignRecord(bare);
    Require(whole <= body.size());
    const std::string_view name = body.substr(head + sizeof dirent, dirent.namelen);
    Require(name == "." || name == ".." || Name::Parse(name).ok());
    Require(body.substr(bare, whole - bare).find_first_not_of('\0') == body.npos);
    body.remove_prefix(whole);
  }
}

void CheckEntry(std::string_view body) {
  const auto entry = As<wire::EntryOut>(body);
  Require(entry.entry_valid_nsec < 1000000000 && entry.attr_valid_nsec < 1000000000);
  Require(entry.nodeid != 0 || entry.attr.mode == 0);
}

// A value, or its size where no room was offered.
void CheckValue(std::string_view args, std::string_view body) {
  const uint32_t room = As<wire::GetXattrIn>(args).size;
  Require(room == 0 ? body.size() == sizeof(wire::SizeOut) : body.size() <= room);
}

void CheckBody(uint32_t opcode, std::string_view args, std::string_view body) {
  switch (opcode) {
    case wire::kLookup:
    case wire::kMkNod:
    case wire::kMkDir:
    case wire::kSymlink:
    case wire::kLink:
      Require(body.size() == sizeof(wire::EntryOut));
      return CheckEntry(body);
    case wire::kCreate:
    case wire::kTmpFile:
      Require(body.size() == sizeof(wire::CreateOut));
      return CheckEntry(body);
    case wire::kGetAttr:
    case wire::kSetAttr:
      return Require(body.size() == sizeof(wire::AttrOut));
    case wire::kStatx:
      return Require(body.size() == sizeof(wire::StatxOut));
    case wire::kOpen:
    case wire::kOpenDir:
      return Require(body.size() == sizeof(wire::OpenOut));
    case wire::kRead:
      return Require(body.size() <= As<wire::ReadIn>(args).size);
    case wire::kReadDir:
      Require(body.size() <= As<wire::ReadIn>(args).size);
      return CheckListing(body, 0);
    case wire::kReadDirPlus:
      Require(body.size() <= As<wire::ReadIn>(args).size);
      return CheckListing(body, sizeof(wire::EntryOut));
    case wire::kWrite: {
      const auto written = As<wire::SizeOut>(body);
      return Require(body.size() == sizeof written && written.size <= As<wire::WriteIn>(args).size);
    }
    case wire::kCopyFileRange:
      return Require(body.size() == sizeof(wire::SizeOut));
    case wire::kCopyFileRange64:
    case wire::kLseek:
      return Require(body.size() == sizeof(uint64_t));
    case wire::kStatFs:
      return Require(body.size() == sizeof(wire::StatFsOut));
    case wire::kGetXattr:
    case wire::kListXattr:
      return CheckValue(args, body);
    case wire::kReadLink:
      return;
    case wire::kIoctl: {
      const size_t room = As<wire::IoctlIn>(args).out_size;
      return Require(body.size() >= sizeof(wire::IoctlOut) && body.size() - sizeof(wire::IoctlOut) <= room);
    }
    default:
      return Require(body.empty());
  }
}

// A message that the decoder cannot take is EINVAL whatever it asks for.
bool Malformed(std::string_view request, const Operation& operation) {
  const auto header = As<wire::InHeader>(request);
  if (header.len != request.size()) return true;
  const size_t extensions = size_t{header.total_extlen} * 8;
  if (extensions + operation.least > request.size() - sizeof header) return true;
  Message message{};
  return !Split(request, &message).ok() || message.body.size() < operation.least;
}

}  // namespace

int ReplyError(std::string_view reply) {
  return -As<wire::OutHeader>(reply).error;
}

void CheckReply(std::string_view request, std::string_view reply, const Connection& connection) {
  const auto asked = As<wire::InHeader>(request);
  const auto header = As<wire::OutHeader>(reply);
  Require(reply.size() >= sizeof header && header.len == reply.size() && header.unique == asked.unique);
  const int error = ReplyError(reply);
  Require(error >= 0 && error < kErrnoEnd);
  const std::string_view body = reply.substr(sizeof header);
  Require(error == 0 || body.empty());
  const Operation& operation = FindOperation(asked.opcode);
  if (Malformed(request, operation)) return Require(error == EINVAL);
  const bool served = operation.run != nullptr && operation.since <= connection.minor;
  // ENOSYS ends an operation for good: said where it is not served, and only there.
  Require((error == ENOSYS) == !served);
  if (error != 0) return;
  CheckBody(asked.opcode, request.substr(sizeof asked), body);
}

}  // namespace plyfs::fuzz
