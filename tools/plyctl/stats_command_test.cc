#include "tools/plyctl/stats_command.h"

#include <gtest/gtest.h>

#include "tools/plyctl/stats_table.h"

namespace plyfs::tool {
namespace {

TEST(StatsCommand, AMountIsNamed) {
  std::string line;
  auto command = ParseStatsCommand({"/m"}, &line);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->path, "/m");
  EXPECT_TRUE(ParseStatsCommand({"--help"}, &line)->help);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"--all", "/m"}, {"/m", "/n"}, {""}}) {
    line.clear();
    EXPECT_FALSE(ParseStatsCommand(words, &line));
    EXPECT_TRUE(line.starts_with("stats: ")) << line;
  }
}

TEST(StatsCommand, FiguresAndWhatFollowsFromThem) {
  std::string answer = "requests 8\nrequests_handed_over 2\nsystem_calls 20\n";
  answer.resize(4096);
  EXPECT_EQ(StatsTable(answer),
            "requests                    8\n"
            "requests_handed_over        2\n"
            "system_calls                20\n"
            "system_calls_a_request      2.50\n"
            "hand_overs_a_request        0.2500\n");
  EXPECT_EQ(StatsTable(std::string(4096, '\0')), "");
}

// The mount that answers may be anyone's: nothing of it is obeyed by a terminal.
TEST(StatsCommand, ControlBytesAreNotPrinted) {
  EXPECT_EQ(StatsTable("a\x1b[2J 1\x07\n"), "a?[2J                       1?\n");
}

}  // namespace
}  // namespace plyfs::tool
