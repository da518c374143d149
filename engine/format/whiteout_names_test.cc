#include "engine/format/whiteout_names.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

// rules: O1 O2
TEST(WhiteoutNames, WhatAWhiteoutHides) {
  EXPECT_EQ(HiddenBy(".wh.name"), "name");
  EXPECT_EQ(HiddenBy(WhiteoutNameOf("...")), "...");
  for (const char* of_none : {".wh.", ".wh..wh.plnk", kOpaqueFile})
    EXPECT_EQ(HiddenBy(of_none), "") << of_none;
}

// A layer can hold such files; the directory itself and the one above it are not hidden by a name.
TEST(WhiteoutNames, DotsAreNoNames) {
  EXPECT_EQ(HiddenBy(".wh.."), "");
  EXPECT_EQ(HiddenBy(".wh..."), "");
}

}  // namespace
}  // namespace plyfs
