#include "engine/base/log.h"

#include <gtest/gtest.h>

namespace plyfs {
namespace {

TEST(Log, WithoutASinkLinesGoToStandardError) {
  SetLogSink([](std::string_view) {});
  ::testing::internal::CaptureStderr();
  Log("not to be seen");
  SetLogSink(nullptr);
  Logf("%d line", 1);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "plyfs: 1 line\n");
}

}  // namespace
}  // namespace plyfs
