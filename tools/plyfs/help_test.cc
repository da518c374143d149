#include "tools/plyfs/help.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "engine/format/mount_options.h"

namespace plyfs::tool {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '+';
}

// Whether `word` stands in the text as a word of its own.
bool Names(const std::string& text, const std::string& word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    bool begins = at == 0 || !IsWordByte(text[at - 1]);
    size_t end = at + word.size();
    if (begins && (end == text.size() || !IsWordByte(text[end]))) return true;
  }
  return false;
}

TEST(HelpTest, NamesEveryOption) {
  std::string text = HelpText(Program::kPlyfs);
  for (const char* pair : {"splice_read", "splice_write", "splice_move"}) {
    text += std::string(" no_") + pair + " " + pair;
  }
  for (std::string option : KnownOptions()) {
    if (option.ends_with('=')) option.pop_back();
    EXPECT_TRUE(Names(text, option)) << option;
  }
}

TEST(HelpTest, EachGroupFitsAScreen) {
  constexpr int kLines = 24, kColumns = 120;
  std::istringstream text(HelpText(Program::kPlyfs));
  int lines = 0;
  for (std::string line; std::getline(text, line);) {
    lines = line.empty() ? 0 : lines + 1;
    EXPECT_LE(lines, kLines) << line;
    EXPECT_LE(line.size(), static_cast<size_t>(kColumns)) << line;
  }
}

TEST(HelpTest, ByTheNameItWasCalledBy) {
  EXPECT_TRUE(HelpText(Program::kPlyfs).starts_with("Usage: plyfs "));
  EXPECT_TRUE(HelpText(Program::kFuseOverlayfs).starts_with("Usage: fuse-overlayfs "));
}

}  // namespace
}  // namespace plyfs::tool
