// Whiteouts by name: which names are whiteouts, and what they hide.  The input is names between NULs.
//
// unit: engine/format/whiteout_names.h
#include "engine/base/name.h"
#include "engine/format/whiteout_names.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

void One(std::string_view name) {
  Require(IsWhiteoutName(name) == (name.substr(0, 4) == ".wh."));
  if (IsWhiteoutName(name)) {
    const std::string_view hidden = HiddenBy(name);
    Require(hidden.size() < name.size() && name.ends_with(hidden));
    // No whiteout hides a whiteout.
    Require(!IsWhiteoutName(hidden));
    if (!hidden.empty()) Require(WhiteoutNameOf(hidden) == name);
    // Nor a directory as a whole, nor what is above it.
    Require(hidden != "." && hidden != "..");
  } else {
    const std::string whiteout = WhiteoutNameOf(name);
    Require(IsWhiteoutName(whiteout));
    if (Name::Parse(name).ok()) Require(HiddenBy(whiteout) == name);
  }
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Input in(data, size);
  plyfs::fuzz::Require(plyfs::HiddenBy(plyfs::kOpaqueFile).empty());
  for (std::string_view name : plyfs::fuzz::Pieces(in.Rest(), '\0')) plyfs::fuzz::One(name);
  return 0;
}
