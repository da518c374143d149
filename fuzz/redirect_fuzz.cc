// The record overlay.redirect, parsed and composed.
// Flag A: the rest is names to compose, the object's first, between NULs; else it is a record's value.
//
// unit: engine/format/redirect.cc
#include <cerrno>

#include "engine/format/redirect.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

bool HasEmpty(std::string_view path) {
  for (std::string_view component : Pieces(path, '/')) {
    if (component.empty()) return true;
  }
  return false;
}

void Parse(std::string_view value) {
  const std::string_view text = value.substr(0, value.find('\0'));
  const bool absolute = text.starts_with('/');
  const bool legal = !value.empty() && (absolute ? !HasEmpty(text.substr(1)) : text.find('/') == text.npos);
  const Result<Redirect> redirect = ParseRedirect(value);
  Require(redirect.ok() == legal);
  if (!redirect) return Require(redirect.error() == EINVAL);
  Require(redirect->absolute == absolute && redirect->path == text);
  if (!absolute) return;
  // Put together again from its components it is the same, where it may be written at all.
  std::vector<std::string_view> names = Pieces(text.substr(1), '/');
  const Result<std::string> again = ComposeAbsoluteRedirect(std::vector(names.rbegin(), names.rend()));
  Require(again.ok() == (text.size() <= kRedirectMax));
  if (again) Require(*again == text);
}

void Compose(std::string_view text) {
  const std::vector<std::string_view> names = Pieces(text, '\0');
  std::string expected;
  bool legal = true;
  for (std::string_view name : names) {
    legal &= !name.empty() && ParseRedirect(name).ok();
    expected.insert(0, name);
    if (name.starts_with('/')) break;
    expected.insert(0, "/");
  }
  const Result<std::string> composed = ComposeAbsoluteRedirect(names);
  Require(composed.ok() == (expected.size() <= kRedirectMax));
  if (!composed) return Require(composed.error() == EXDEV);
  Require(*composed == expected);
  if (!legal) return;
  const Result<Redirect> parsed = ParseRedirect(*composed);
  Require(parsed.ok() && parsed->absolute && parsed->path == expected);
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  in.Flags();
  if (in.Bit(0)) {
    plyfs::fuzz::Compose(in.Rest());
  } else {
    plyfs::fuzz::Parse(in.Rest());
  }
  return 0;
}
