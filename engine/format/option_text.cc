#include "engine/format/option_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

namespace plyfs {
namespace {

bool IsOctal(char c) {
  return c >= '0' && c <= '7';
}

// Where a value quoted as a whole ends: the index of the closing quote, or npos.  A quote that nothing but a
// comma or the end follows; others are ordinary bytes, as they are to the kernel (M2).
size_t ClosingQuote(std::string_view text, size_t open) {
  for (size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"' && (i + 1 == text.size() || text[i + 1] == ',')) {
      return i;
    }
  }
  return std::string_view::npos;
}

// libfuse's level (lib/fuse_opt.c): a backslash and three octal digits are a byte, any other byte after a
// backslash is literal.
std::string UnescapeLibfuse(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
    } else if (i + 3 < text.size() && text[i + 1] <= '3' && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
               IsOctal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[++i];
    }
  }
  return out;
}

// fuse-overlayfs' own level: only `\:` and `\\` mean anything.
std::vector<std::string> SplitColons(std::string_view text, bool split) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ':' || text[i + 1] == '\\')) {
      parts.back() += text[++i];
    } else if (text[i] == ':' && split) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

bool Overlap(std::vector<IdMapRange> ranges, const std::function<uint64_t(const IdMapRange&)>& first) {
  std::sort(ranges.begin(), ranges.end(),
            [&](const IdMapRange& a, const IdMapRange& b) { return first(a) < first(b); });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (first(ranges[i - 1]) + ranges[i - 1].length > first(ranges[i])) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> SplitOptions(std::string_view text) {
  std::vector<std::string> items;
  std::string item;
  bool in_value = false;
  auto finish = [&] {
    if (!item.empty()) items.push_back(std::move(item));
    item.clear();
    in_value = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ',') {
      finish();
      continue;
    }
    item += c;
    if (c == '\\' && i + 1 < text.size()) {
      item += text[++i];
    } else if (c == '=' && !in_value) {
      in_value = true;
      if (i + 1 == text.size() || text[i + 1] != '"') continue;
      size_t close = ClosingQuote(text, i + 1);
      if (close == std::string_view::npos) continue;
      item.append(text.substr(i + 2, close - i - 2));
      i = close;
    }
  }
  finish();
  return items;
}

std::vector<std::string> SplitList(std::string_view text) {
  char separator = text.find('\0') != std::string_view::npos ? '\0' : '\n';
  std::vector<std::string> items;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    if (end > 0) items.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && ++i == text.size()) break;
    out += text[i];
  }
  return out;
}

std::optional<LowerList> SplitLowers(std::string_view value, bool trailing_colon, std::string* why) {
  LowerList list;
  std::vector<std::string>* into = &list.lowers;
  auto wrong = [&](const char* what) {
    *why = what;
    return std::nullopt;
  };
  if (value.empty()) return wrong("names no directory");
  if (value.front() == ':') return wrong("begins with a colon");
  std::string part;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) {
      part += value[++i];
      continue;
    }
    if (value[i] != ':') {
      if (value[i] != '\\') part += value[i];
      continue;
    }
    size_t colons = std::min(value.find_first_not_of(':', i), value.size()) - i;
    bool last = i + colons == value.size();
    if (last && !(trailing_colon && colons == 1)) return wrong("ends with a colon");
    if (last) break;
    if (colons > 2) return wrong("has three colons in a row");
    if (colons == 1 && into == &list.data) return wrong("has an ordinary layer after a data-only one");
    into->push_back(std::move(part));
    part.clear();
    if (colons == 2) into = &list.data;
    i += colons - 1;
  }
  if (part.empty() && value.back() != ':') return wrong("ends with an empty layer");
  if (!part.empty()) into->push_back(std::move(part));
  return list;
}

std::optional<std::vector<std::string>> SplitLowersTwice(std::string_view value) {
  std::vector<std::string> parts = SplitColons(UnescapeLibfuse(value), true);
  if (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  for (const std::string& part : parts) {
    if (part.empty()) return std::nullopt;
  }
  return parts;
}

std::string UnescapeTwice(std::string_view value) {
  return SplitColons(UnescapeLibfuse(value), false).front();
}

std::optional<std::vector<IdMapRange>> ParseIdMap(std::string_view value, std::string* why) {
  constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
  auto wrong = [&](const char* what) {
    *why = what;
    return std::nullopt;
  };
  std::vector<uint32_t> numbers;
  if (!value.empty() && value.front() == ':') value.remove_prefix(1);
  for (bool more = true; more;) {
    size_t end = value.find(':');
    more = end != std::string_view::npos;
    std::optional<uint64_t> number = ParseNumber(value.substr(0, end), kMax);
    if (!number) return wrong("not a list of numbers");
    numbers.push_back(static_cast<uint32_t>(*number));
    if (more) value.remove_prefix(end + 1);
  }
  if (numbers.size() % 3 != 0) return wrong("an incomplete triple");
  std::vector<IdMapRange> ranges;
  for (size_t i = 0; i < numbers.size(); i += 3) {
    IdMapRange range{numbers[i], numbers[i + 1], numbers[i + 2]};
    if (range.length == 0) return wrong("a range of no ids");
    // The id 2^32-1 is no id (-1 means "unchanged" to chown).
    if (uint64_t{range.disk} + range.length > kMax || uint64_t{range.seen} + range.length > kMax) {
      return wrong("a range beyond the last id, 4294967294");
    }
    ranges.push_back(range);
  }
  if (Overlap(ranges, [](const IdMapRange& r) { return r.disk; }) ||
      Overlap(ranges, [](const IdMapRange& r) { return r.seen; })) {
    return wrong("ranges overlap");
  }
  return ranges;
}

std::optional<uint64_t> ParseNumber(std::string_view value, uint64_t max) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number > max) return std::nullopt;
  return number;
}

std::optional<uint64_t> ParseSize(std::string_view value) {
  constexpr std::string_view kUnits = "KMGT";
  int shift = 0;
  if (!value.empty()) {
    char unit = static_cast<char>(value.back() & ~0x20);
    if (size_t at = kUnits.find(unit); at != std::string_view::npos) {
      shift = 10 * static_cast<int>(at + 1);
      value.remove_suffix(1);
    }
  }
  std::optional<uint64_t> number = ParseNumber(value, std::numeric_limits<uint64_t>::max() >> shift);
  if (!number) return std::nullopt;
  return *number << shift;
}

std::optional<double> ParseSeconds(std::string_view value) {
  double seconds = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  if (!std::isfinite(seconds) || std::signbit(seconds)) return std::nullopt;
  return seconds;
}

bool OneTypoApart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1 || a == b) return false;
  size_t front = 0;
  while (front < a.size() && a[front] == b[front]) ++front;
  if (a.size() < b.size()) return a.substr(front) == b.substr(front + 1);
  if (a.substr(front + 1) == b.substr(front + 1)) return true;
  return front + 1 < a.size() && a[front] == b[front + 1] && a[front + 1] == b[front] &&
         a.substr(front + 2) == b.substr(front + 2);
}

std::string Shown(std::string_view value) {
  constexpr size_t kHead = 120, kTail = 40;
  std::string out(value);
  if (out.size() > kHead + kTail + 3) out.replace(kHead, out.size() - kHead - kTail, "...");
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace plyfs
