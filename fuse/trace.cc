#include "fuse/trace.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "fuse/decode.h"

namespace plyfs::fuse {
namespace {

std::string Number(uint64_t value, char base) {
  char text[32];
  const char* format = base == 'x' ? "0x%" PRIx64 : base == 'o' ? "0%" PRIo64 : "%" PRIu64;
  std::snprintf(text, sizeof text, format, value);  // NOLINT(format-nonliteral): one of three above
  return text;
}

// The next argument as `type` describes it; false when the body has no more.
bool Value(Decoder& in, std::string_view type, std::string* out) {
  const char base = type.size() > 1 ? type[1] : 'd';
  if (type[0] == 's') {
    const auto text = in.String();
    if (text.ok()) *out = QuoteName(*text);
    return text.ok();
  }
  if (type[0] == '8') {
    const auto number = in.Fixed<uint64_t>();
    if (number.ok()) *out = Number(*number, base);
    return number.ok();
  }
  const auto number = in.Fixed<uint32_t>();
  if (number.ok()) *out = Number(*number, base);
  return number.ok();
}

}  // namespace

std::string QuoteName(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '"' || c == '\\') {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string DescribeArguments(const Operation& operation, std::span<const char> body) {
  std::string out;
  Decoder in(body);
  std::string_view list = operation.arguments;
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(' '));
    list.remove_prefix(word.size() < list.size() ? word.size() + 1 : word.size());
    const size_t colon = word.find(':');
    const std::string_view field = word.substr(0, colon);
    std::string value;
    if (!Value(in, word.substr(colon + 1), &value)) return out + (out.empty() ? "" : " ") + "(cut short)";
    if (field == "_") continue;
    if (!out.empty()) out += ' ';
    out.append(field).append("=").append(value);
  }
  return out;
}

std::string DescribeExchange(const Operation& operation, const wire::InHeader& header,
                             std::span<const char> body, int error, size_t bytes) {
  char head[160], tail[96];
  std::snprintf(head, sizeof head, "%" PRIu64 " %s node=%" PRIx64 " uid=%u pid=%u ", header.unique,
                operation.name != nullptr ? operation.name : "?", header.nodeid, header.uid, header.pid);
  if ((operation.traits & kNoReply) != 0) {
    tail[0] = '\0';
  } else if (error != 0) {
    std::snprintf(tail, sizeof tail, " -> %s", strerrorname_np(error));
  } else {
    std::snprintf(tail, sizeof tail, " -> %zu bytes", bytes);
  }
  return head + DescribeArguments(operation, body) + tail;
}

}  // namespace plyfs::fuse
