// The text of mount options: splitting, escapes, numbers, id maps, typos.  All of it sees the same input,
// which is text; a second word stands behind a NUL.
//
// unit: engine/format/option_text.cc
#include <algorithm>
#include <cmath>

#include "engine/format/option_text.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == ':' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

std::string Joined(const std::vector<std::string>& pieces, std::string_view between) {
  std::string out;
  for (const std::string& piece : pieces) out += (out.empty() ? "" : std::string(between)) + Escaped(piece);
  return out;
}

void Options(std::string_view text) {
  const std::vector<std::string> items = SplitOptions(text);
  size_t bytes = 0;
  for (const std::string& item : items) {
    Require(!item.empty());
    bytes += item.size();
  }
  Require(bytes <= text.size());
  if (text.find_first_of("\\\"") != text.npos) return;
  // Without escapes and quotes these are what stands between commas.
  std::vector<std::string> plain;
  for (std::string_view piece : Pieces(text, ',')) {
    if (!piece.empty()) plain.emplace_back(piece);
  }
  Require(items == plain);
}

void List(std::string_view text) {
  const char separator = text.find('\0') != text.npos ? '\0' : '\n';
  std::vector<std::string> expected;
  for (std::string_view piece : Pieces(text, separator)) {
    if (!piece.empty()) expected.emplace_back(piece);
  }
  Require(SplitList(text) == expected);
}

void Escapes(std::string_view text) {
  Require(Unescape(Escaped(text)) == text);
  Require(Unescape(text).size() <= text.size());
  // An escaped value is one item of the option string, as it is.
  if (!text.empty()) Require(SplitOptions("k=" + Escaped(text)).front().starts_with("k="));
  // Escaped for both of fuse-overlayfs' levels, it is read back; a digit must not look like an octal one.
  std::string twice = Escaped(Escaped(text));
  Require(UnescapeTwice(twice).size() <= twice.size());
  if (std::ranges::none_of(text, [](char c) { return c == ',' || c == '\\' || (c >= '0' && c <= '7'); })) {
    Require(UnescapeTwice(twice) == text);
  }
}

void Lowers(std::string_view text) {
  for (const bool trailing : {false, true}) {
    std::string why;
    const std::optional<LowerList> list = SplitLowers(text, trailing, &why);
    Require(list.has_value() == why.empty());
    if (!list) continue;
    Require(!list->lowers.empty());
    for (const std::string& path : list->data) Require(!path.empty());
    const bool holes = std::ranges::count(list->lowers, "") > 0;
    if (holes) continue;
    std::string again = Joined(list->lowers, ":");
    for (const std::string& path : list->data) again += "::" + Escaped(path);
    Require(SplitLowers(again, false, &why) == list);
    // What has no escapes is written as it was.
    if (text.find_first_of("\\,") != text.npos) continue;
    Require(text == again || (trailing && text == again + ":"));
  }
  const auto twice = SplitLowersTwice(text);
  if (!twice) return;
  Require(!twice->empty());
  for (const std::string& path : *twice) Require(!path.empty());
}

void Maps(std::string_view text) {
  std::string why;
  const auto ranges = ParseIdMap(text, &why);
  Require(ranges.has_value() == why.empty());
  if (!ranges) return;
  std::string again;
  for (const IdMapRange& r : *ranges) {
    Require(r.length > 0 && r.disk + r.length > r.disk && r.seen + r.length > r.seen);
    for (const IdMapRange& other : *ranges) {
      if (&other == &r) continue;
      Require(r.disk + r.length <= other.disk || other.disk + other.length <= r.disk);
      Require(r.seen + r.length <= other.seen || other.seen + other.length <= r.seen);
    }
    for (const uint32_t number : {r.disk, r.seen, r.length}) again += ":" + std::to_string(number);
  }
  Require(ParseIdMap(again, &why) == ranges);
  Require(ParseIdMap(std::string_view(again).substr(1), &why) == ranges);
}

void Numbers(std::string_view text) {
  if (const auto number = ParseNumber(text, 1000)) {
    Require(*number <= 1000 && text.find_first_not_of("0123456789") == text.npos);
    Require(
        std::to_string(*number).ends_with(text.substr(std::min(text.find_first_not_of('0'), text.size()))) ||
        *number == 0);
  }
  if (const auto bytes = ParseSize(text)) {
    const auto plain = ParseNumber(text, ~uint64_t{0});
    Require(!plain || *plain == *bytes);
    const auto kilo = ParseSize(std::string(text) + "K");
    if (plain && *plain >> 54 == 0) Require(kilo && *kilo == *plain * 1024);
    if (!plain) Require(!kilo && (*bytes & 1023) == 0);
  }
  if (const auto seconds = ParseSeconds(text)) Require(std::isfinite(*seconds) && *seconds >= 0);
}

// Damerau and Levenshtein's distance is one: tried out.
bool OneApart(const std::string& a, const std::string& b) {
  if (a.size() > b.size()) return OneApart(b, a);
  for (size_t i = 0; i < b.size(); ++i) {
    std::string less = b;
    if (less.erase(i, 1) == a) return true;
    std::string changed = b;
    if (i < a.size() && a.size() == b.size()) changed[i] = a[i];
    if (changed == a && a != b) return true;
    std::string swapped = b;
    if (i + 1 < b.size()) std::swap(swapped[i], swapped[i + 1]);
    if (swapped == a && a != b) return true;
  }
  return false;
}

void Typos(std::string_view a, std::string_view b) {
  a = a.substr(0, 20);
  b = b.substr(0, 20);
  Require(!OneTypoApart(a, a));
  Require(OneTypoApart(a, b) == OneTypoApart(b, a));
  Require(OneTypoApart(a, b) == OneApart(std::string(a), std::string(b)));
}

void InMessages(std::string_view text) {
  const std::string shown = Shown(text);
  Require(shown.size() <= std::min<size_t>(text.size(), 163));
  Require(std::ranges::none_of(shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
  Require(Shown(shown) == shown);
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plyfs::fuzz;
  Input in(data, size);
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  List(all);
  const std::string_view text = in.Until('\0');
  Options(text);
  Escapes(text);
  Lowers(text);
  Maps(text);
  Numbers(text);
  InMessages(all);
  Typos(text, in.Until('\0'));
  return 0;
}
