// The text of mount options: splitting an option string into items, a lowerdir value into layers, and what
// stands behind a `=` into numbers and id maps.  What the options mean is mount_options.h.
//
// Pure functions; any thread.  Rules: drop-in contract 1.4, semantics M2-M4.
#ifndef PLYFS_ENGINE_FORMAT_OPTION_TEXT_H_
#define PLYFS_ENGINE_FORMAT_OPTION_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace plyfs {

// `disk` to `disk + length - 1` on disk are shown as those from `seen` on (uidmapping=).
struct IdMapRange {
  uint32_t disk = 0;
  uint32_t seen = 0;
  uint32_t length = 0;
  friend bool operator==(const IdMapRange&, const IdMapRange&) = default;
};

// The layers that a lowerdir value names: those searched by name, topmost first, then the data-only ones.
struct LowerList {
  std::vector<std::string> lowers;
  std::vector<std::string> data;
  friend bool operator==(const LowerList&, const LowerList&) = default;
};

// Items of "a,b=c": split at commas, except after a backslash and within a value that is quoted as a whole
// (`key="..."`, whose quotes are taken off).  Backslashes stay.  Empty items are left out.
std::vector<std::string> SplitOptions(std::string_view text);

// Lines, or pieces between NULs if the text holds any; without empty ones.
std::vector<std::string> SplitList(std::string_view text);

// Takes one level of backslashes away: each makes the next byte literal; a last one is dropped.
std::string Unescape(std::string_view text);

// A:B::D by the kernel's rule, one level of backslashes (M2, M4).  Null: *why says what is wrong with it.
// `trailing_colon`: one at the end is let pass, as fuse-overlayfs does.
std::optional<LowerList> SplitLowers(std::string_view value, bool trailing_colon, std::string* why);

// What fuse-overlayfs would have read: libfuse takes one level of backslashes and octal escapes away, then it
// splits at colons without one before.  Null where it would find an empty layer.
std::optional<std::vector<std::string>> SplitLowersTwice(std::string_view value);
// The same for the one path of upperdir= and workdir=, which does not split.
std::string UnescapeTwice(std::string_view value);

// "DISK:SEEN:LEN[:DISK:SEEN:LEN...]", with a colon before the first allowed.  Null: *why says what is wrong.
std::optional<std::vector<IdMapRange>> ParseIdMap(std::string_view value, std::string* why);

// Decimal and nothing else; null when out of 0..max.
std::optional<uint64_t> ParseNumber(std::string_view value, uint64_t max);
// Bytes, with K, M, G or T (powers of 1024) behind them.
std::optional<uint64_t> ParseSize(std::string_view value);
// Seconds >= 0, with a fraction if need be.
std::optional<double> ParseSeconds(std::string_view value);

// One byte put in, left out, changed, or two neighbours swapped, and the words are equal.
bool OneTypoApart(std::string_view a, std::string_view b);

// `value` fit for one line of a message: control bytes shown as '?', the middle of a long one left out.
std::string Shown(std::string_view value);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_OPTION_TEXT_H_
