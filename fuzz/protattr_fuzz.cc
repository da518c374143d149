// The records overlay.protattr and overlay.nlink.
//
// unit: engine/format/protattr.cc
#include <cerrno>
#include <climits>

#include "engine/format/protattr.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

void Protattr(std::string_view value) {
  const uint32_t flags = ParseProtattr(value);
  Require((flags & ~kProtectFlags) == 0);
  const bool legal = value.size() <= kProtattrMax && value.find_first_not_of("ai") == value.npos;
  Require((flags & kFlagAppend) != 0 == (legal && value.find('a') != value.npos));
  Require((flags & kFlagImmutable) != 0 == (legal && value.find('i') != value.npos));
  Require(ParseProtattr(ComposeProtattr(flags)) == flags);
  Require(ComposeProtattr(flags).empty() == (flags == 0));
}

// By the C library: a sign, digits to the end, within an int.
std::optional<long> Difference(const std::string& text) {
  if (text.size() < 2 || text.find_first_not_of("0123456789", 1) != text.npos) return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  errno = 0;
  const long number = std::strtol(text.c_str(), nullptr, 10);
  if (errno != 0 || number < INT_MIN || number > INT_MAX) return std::nullopt;
  return number;
}

void Nlink(std::string_view value) {
  std::optional<long> difference;
  const bool base = value.starts_with('U') || value.starts_with('L');
  if (base) difference = Difference(std::string(value.substr(1)));
  const std::optional<NlinkRecord> record = ParseNlinkRecord(value);
  Require(record.has_value() == difference.has_value());
  if (!record) return;
  Require(record->difference == *difference && record->relative_to_upper == value.starts_with('U'));
  Require(ParseNlinkRecord(ComposeNlinkRecord(*record)) == record);
}

}  // namespace
}  // namespace plyfs::fuzz

// Flag A: overlay.nlink; else overlay.protattr.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  in.Flags();
  if (in.Bit(0)) {
    plyfs::fuzz::Nlink(in.Rest());
  } else {
    plyfs::fuzz::Protattr(in.Rest());
  }
  return 0;
}
