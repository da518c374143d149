// The list of errnos: its form, and what it finds missing or too much.
#include "tests/differential/errnos.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace plyfs::diff {
namespace {

TEST(ErrnoFile, Lines) {
  ErrnoFile file;
  ASSERT_EQ(file.Parse("# words\n\nwrite through mmap EACCES F20\ncreate ENOSPC C10 fault some_test\n"), "");
  ASSERT_EQ(file.lines().size(), 2u);
  EXPECT_EQ(file.lines()[0].operation, "write through mmap");
  EXPECT_EQ(file.lines()[0].error, EACCES);
  EXPECT_EQ(file.lines()[0].rule, "F20");
  EXPECT_EQ(file.lines()[0].fault_test, "");
  EXPECT_EQ(file.lines()[1].fault_test, "some_test");
}

TEST(ErrnoFile, MalformedLines) {
  for (const char* text : {"create\n", "create ENOENT\n", "ENOENT L2\n", "create ENONE L2\n",
                           "create ENOENT L2 fault\n", "create ENOENT L2 other x\n",
                           "create ENOENT L2 fault a b\n", "create ENOENT L2\ncreate ENOENT L3\n"}) {
    EXPECT_NE(ErrnoFile().Parse(text), "") << text;
  }
}

TEST(ErrnoFile, ChecksBothWays) {
  ErrnoFile file;
  ASSERT_EQ(file.Parse("create EEXIST N1\ncreate EIO C10 fault some_test\n"), "");
  Table table;
  table.Count("create", 0);
  EXPECT_EQ(file.Check(table, 0), "");
  EXPECT_EQ(file.Check(table, 1), "create EEXIST happened 0 times only\n");
  table.Count("create", EEXIST);
  EXPECT_EQ(file.Check(table, 1), "");
  EXPECT_EQ(file.Check(table, 2), "create EEXIST happened 1 times only\n");
  table.Count("unlink", EEXIST);
  EXPECT_EQ(file.Check(table, 1), "unlink EEXIST happened and is not listed\n");
}

}  // namespace
}  // namespace plyfs::diff
