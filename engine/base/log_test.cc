#include "engine/base/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

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

TEST(Log, OnceIsOnce) {
  std::atomic<bool> told{false};
  ::testing::internal::CaptureStderr();
  LogOnce(told, "the first");
  LogOnce(told, "the second");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "plyfs: the first\n");
}

TEST(Log, ALineThatIsTooLongIsCut) {
  ::testing::internal::CaptureStderr();
  Logf("%s", std::string(2000, 'x').c_str());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "plyfs: " + std::string(1023, 'x') + "\n");
}

}  // namespace
}  // namespace plyfs
