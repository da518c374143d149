// Paths beneath a layer's root: by components and as text.
//
// unit: engine/format/lower_path.cc
#include "engine/format/lower_path.h"
#include "fuzz/input.h"

namespace plyfs::fuzz {
namespace {

void Walk(std::string_view text) {
  const LowerPath path = LowerPath::FromString(text);
  std::string expected;
  std::vector<std::string_view> names;
  for (std::string_view name : Pieces(text, '/')) {
    if (name.empty() || name == ".") continue;
    names.push_back(name);
    expected += (expected.empty() ? "" : "/") + std::string(name);
  }
  Require(path.is_root() == names.empty());
  Require(path.ToString() == (names.empty() ? "." : expected));
  Require(LowerPath::FromString(path.ToString()) == path);

  // Towards the root and back, in copies that share what they have in common.
  LowerPath up = path;
  for (size_t i = names.size(); i-- > 0;) {
    Require(up.last() == names[i]);
    LowerPath sibling = up.Parent().Child(names[i]);
    Require(sibling == up && sibling.last() == up.last());
    LowerPath moved = std::move(sibling);
    up = moved.Parent();
  }
  Require(up.is_root() && up.last().empty() && up == LowerPath());
}

}  // namespace
}  // namespace plyfs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plyfs::fuzz::Walk(plyfs::fuzz::Input(data, size).Rest());
  return 0;
}
