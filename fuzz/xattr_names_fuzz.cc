// Names of extended attributes between callers and layers: what a caller names comes back, and no name of
// his reaches a record of the overlay's.
// Flag A: user.overlay.* is ours, B: other tools' records are read.  Then a name that a caller gives, up to a
// NUL, then what listxattr gave of an object.
//
// unit: engine/format/xattr_names.cc
#include <cerrno>

#include "engine/format/xattr_names.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

void Given(const XattrNames& names, std::string_view shown) {
  const Result<std::string> stored = names.Escape(shown);
  if (!stored) return Require(stored.error() == EINVAL || stored.error() == EOPNOTSUPP);
  Require(!names.IsPrivate(*stored));
  Require(names.Unescape(*stored) == shown);
  Require(*stored == shown || stored->size() <= kXattrNameMax);
  for (size_t i = 0; i < kRecordCount; ++i) Require(*stored != names.Of(static_cast<Record>(i)));
  for (const std::string& other : names.other_opaques()) Require(*stored != other);
}

void Listed(const XattrNames& names, std::string_view list) {
  std::string expected;
  std::vector<std::string_view> stored = Pieces(list, '\0');
  const bool whole = stored.back().empty();
  stored.pop_back();
  for (std::string_view name : stored) {
    const std::optional<std::string> shown = names.Unescape(name);
    Require(shown.has_value() != names.IsPrivate(name));
    if (!shown) continue;
    expected += *shown + '\0';
    // What is shown can be asked for, and is the same one; the longest do not fit once escaped.
    const Result<std::string> back = names.Escape(*shown);
    if (back) Require(*back == name);
  }
  const Result<std::string> visible = names.VisibleList(list);
  Require(visible.ok() == whole);
  if (!visible) return Require(visible.error() == EIO);
  Require(*visible == expected && visible->size() <= list.size());
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  in.Flags();
  const plyfs::XattrNames names(in.Bit(0), in.Bit(1));
  for (size_t i = 0; i < plyfs::kRecordCount; ++i) {
    plyfs::fuzz::Require(names.IsPrivate(names.Of(static_cast<plyfs::Record>(i))));
  }
  plyfs::fuzz::Given(names, in.Until('\0'));
  plyfs::fuzz::Listed(names, in.Rest());
  return 0;
}
