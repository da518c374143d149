#include "fuse/op_table.h"

#include <set>
#include <string>

#include "fuse/exchange.h"
#include "fuse/handlers.h"
#include "fuse/trace.h"
#include "gtest/gtest.h"

namespace plyfs::fuse {
namespace {

TEST(OpTable, OpcodesWithoutRowAreUnknown) {
  for (uint32_t opcode : {0u, 7u, 19u, wire::kOpcodeCount + 0u, 4096u, 0xffffffffu}) {
    EXPECT_EQ(FindOperation(opcode).name, nullptr) << opcode;
    EXPECT_EQ(FindOperation(opcode).run, nullptr) << opcode;
  }
}

TEST(OpTable, NamesAreUnique) {
  std::set<std::string> names;
  for (uint32_t opcode = 0; opcode < wire::kOpcodeCount; ++opcode) {
    const Operation& operation = FindOperation(opcode);
    if (operation.name != nullptr) {
      EXPECT_TRUE(names.insert(operation.name).second) << operation.name;
    }
  }
  EXPECT_EQ(names.size(), 48u);
}

TEST(OpTable, WhatIsAnsweredEarlyCanBeTakenBack) {
  // Everything that hands out a node or a handle has an undo; nothing else needs one.
  const std::set<uint32_t> gives = {wire::kLookup,  wire::kMkNod,      wire::kMkDir,  wire::kSymlink,
                                    wire::kLink,    wire::kOpen,       wire::kCreate, wire::kTmpFile,
                                    wire::kOpenDir, wire::kReadDirPlus};
  for (uint32_t opcode = 0; opcode < wire::kOpcodeCount; ++opcode) {
    EXPECT_EQ(FindOperation(opcode).undo != nullptr, gives.contains(opcode)) << opcode;
  }
}

TEST(OpTable, WhatChangesTheTreeIsNeverAnsweredEarly) {
  for (uint32_t opcode :
       {wire::kSetAttr,       wire::kSymlink,         wire::kMkNod,   wire::kMkDir,   wire::kUnlink,
        wire::kRmDir,         wire::kRename,          wire::kRename2, wire::kLink,    wire::kWrite,
        wire::kSetXattr,      wire::kRemoveXattr,     wire::kCreate,  wire::kTmpFile, wire::kFallocate,
        wire::kCopyFileRange, wire::kCopyFileRange64, wire::kIoctl,   wire::kFsync,   wire::kFsyncDir,
        wire::kRelease,       wire::kReleaseDir}) {
    EXPECT_EQ(FindOperation(opcode).traits & (kNoEffects | kNoEffectsReadOnly), 0u) << opcode;
  }
}

TEST(OpTable, LocksAndFlushAreLeftToTheKernel) {  // F19
  for (uint32_t opcode : {wire::kGetLk, wire::kSetLk, wire::kSetLkW, wire::kFlush, wire::kAccess}) {
    EXPECT_NE(FindOperation(opcode).name, nullptr);
    EXPECT_EQ(FindOperation(opcode).run, nullptr) << opcode;
  }
}

TEST(OpTable, LeastLengthCountsTheStructureAndTheEndsOfStrings) {
  EXPECT_EQ(FindOperation(wire::kLookup).least, 1u);
  EXPECT_EQ(FindOperation(wire::kRename2).fixed, 16u);
  EXPECT_EQ(FindOperation(wire::kRename2).least, 18u);
  EXPECT_EQ(FindOperation(wire::kSetAttr).least, 88u);
  EXPECT_EQ(FindOperation(wire::kReadLink).least, 0u);
}

TEST(OpTable, MalformedArgumentListsAreNoticed) {
  EXPECT_TRUE(MeasureArguments("").ok);
  EXPECT_TRUE(MeasureArguments("a:4 b:8x c:s").ok);
  EXPECT_FALSE(MeasureArguments("a").ok);
  EXPECT_FALSE(MeasureArguments("a b:4").ok);
  EXPECT_FALSE(MeasureArguments("a:3").ok);
  EXPECT_FALSE(MeasureArguments("a:s b:4").ok);  // nothing fixed after a string
  EXPECT_FALSE(MeasureArguments("a:").ok);
}

// A body cut anywhere inside what the handler must decode is refused before the engine is called: the engine
// is null here, so calling it would crash.
TEST(OpTable, EveryHandlerRefusesACutBodyBeforeTheEngine) {
  Connection connection;
  connection.flags = wire::kSetXattrExt;
  char room[256];
  for (uint32_t opcode = 0; opcode < wire::kOpcodeCount; ++opcode) {
    const Operation& operation = FindOperation(opcode);
    if (operation.run == nullptr) continue;
    for (uint32_t size = 0; size < operation.least; ++size) {
      const std::string body(size, 'n');  // no NUL: no string ends
      Message message{};
      message.header.opcode = opcode;
      message.body = body;
      Exchange x(connection, message, room);
      EXPECT_EQ(operation.run(x).error(), EINVAL) << operation.name << " with " << size << " bytes";
      EXPECT_TRUE(x.reply().empty());
    }
  }
}

TEST(OpTable, DataShorterThanAnnouncedIsRefused) {
  Connection connection;
  char room[256];
  const auto run = [&](uint32_t opcode, std::string body) {
    Message message{};
    message.header.opcode = opcode;
    message.body = body;
    Exchange x(connection, message, room);
    return FindOperation(opcode).run(x).error();
  };
  const auto raw = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  EXPECT_EQ(run(wire::kWrite, raw(wire::WriteIn{1, 0, 5, 0, 0, 0, 0}) + "four"), EINVAL);
  EXPECT_EQ(run(wire::kIoctl, raw(wire::IoctlIn{1, 0, 0, 0, 0xffffffff, 8}) + "four"), EINVAL);
  EXPECT_EQ(run(wire::kSetXattr, std::string("\5\0\0\0\0\0\0\0user.a\0four", 19)), EINVAL);
  EXPECT_EQ(run(wire::kBatchForget, raw(wire::BatchForgetIn{1, 0})), EINVAL);
  EXPECT_EQ(run(wire::kSymlink, std::string("name\0target", 11)), EINVAL);
  EXPECT_EQ(run(wire::kRename, raw(wire::RenameIn{1}) + std::string("a\0..\0", 5)), EINVAL);
}

TEST(Trace, ArgumentsAreShownByName) {
  const wire::Rename2In args{18, 2, 0};
  const std::string body =
      std::string(reinterpret_cast<const char*>(&args), sizeof args) + std::string("a\nb\0c\0", 6);
  EXPECT_EQ(DescribeArguments(FindOperation(wire::kRename2), body),
            "newdir=18 flags=0x2 name=\"a\\x0ab\" newname=\"c\"");
  EXPECT_EQ(DescribeArguments(FindOperation(wire::kRename2), std::string_view(body).substr(0, 13)),
            "newdir=18 flags=0x2 (cut short)");
}

TEST(Trace, RepliesAreShown) {
  wire::InHeader header{};
  header.unique = 8;
  header.nodeid = 1;
  EXPECT_EQ(DescribeExchange(FindOperation(wire::kLookup), header, std::string_view("x\0", 2), ENOENT, 0),
            "8 LOOKUP node=1 uid=0 pid=0 name=\"x\" -> ENOENT");
  EXPECT_EQ(DescribeExchange(FindOperation(99), header, {}, 0, 3), "8 ? node=1 uid=0 pid=0  -> 3 bytes");
}

}  // namespace
}  // namespace plyfs::fuse
