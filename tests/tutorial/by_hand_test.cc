// lower=watch through the kernel's caches: names, absences, attributes and pages that the client keeps for an
// hour must give way when a layer is changed by hand (semantics U4-U14); and lower=frozen, where they need
// not.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "tests/mount/mount_fixture.h"
#include "tests/tutorial/soon.h"

namespace plyfs::test {
namespace {

using V = std::vector<std::string>;

class ByHandTest : public MountFixture {
 protected:
  std::string See(const std::string& path) const { return ReadOrErrno(M(path)); }
  static std::string Absent() { return "errno " + std::to_string(ENOENT); }
  static std::string ReadFd(int fd) {
    char text[64];
    ssize_t n = pread(fd, text, sizeof text, 0);
    return n < 0 ? "errno " + std::to_string(errno) : std::string(text, static_cast<size_t>(n));
  }
  // Requests that the daemon has been sent, by its debug log.
  size_t Requests(const std::string& of) const {
    std::string log = daemon_log();
    size_t count = 0;
    for (size_t at = log.find(of); at != std::string::npos; at = log.find(of, at + 1)) ++count;
    return count;
  }
};

// U4: also for who has the file open, and mapped.
TEST_F(ByHandTest, RewrittenInPlace) {
  MakeLayers(1);
  ASSERT_EQ(Write(Lower(0, "f"), "old"), 0);
  ASSERT_TRUE(MountPlyfs());
  int held = open(M("f").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(held, 0);
  EXPECT_EQ(ReadFd(held), "old");
  void* mapped = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, held, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(static_cast<const char*>(mapped)[0], 'o');
  ASSERT_EQ(Write(Lower(0, "f"), "new and longer"), 0);
  EXPECT_TRUE(Soon([&] { return ReadFd(held) == "new and longer"; }));
  EXPECT_TRUE(Soon([&] { return static_cast<const char*>(mapped)[0] == 'n'; }));
  EXPECT_EQ(See("f"), "new and longer");
  munmap(mapped, 4096);
  close(held);
}

// U5
TEST_F(ByHandTest, ReplacedByRename) {
  MakeLayers(1);
  ASSERT_EQ(Write(Lower(0, "f"), "old"), 0);
  ASSERT_TRUE(MountPlyfs());
  int held = open(M("f").c_str(), O_RDONLY | O_CLOEXEC);
  for (int round = 0; round < 20; ++round) {
    std::string text = "round " + std::to_string(round);
    ASSERT_EQ(Write(Lower(0, ".f"), text), 0);
    ASSERT_EQ(rename(Lower(0, ".f").c_str(), Lower(0, "f").c_str()), 0);
    // Never an error on the way (U3 would allow one; who opens by name is asked again instead).
    std::string seen;
    EXPECT_TRUE(Soon([&] {
      seen = See("f");
      return seen == text || seen.starts_with("errno");
    }));
    EXPECT_EQ(seen, text);
  }
  EXPECT_EQ(ReadFd(held), "old");
  close(held);
}

// U6 U7 U9 U10
TEST_F(ByHandTest, NamesThatWereAbsent) {
  MakeLayers(2);
  ASSERT_EQ(MakeDir(Lower(1, "d")), 0);
  ASSERT_TRUE(MountPlyfs());
  for (const char* name : {"low", "up", "d/low", "d/up"}) EXPECT_EQ(StatError(M(name)), ENOENT);
  EXPECT_EQ(List(M("d")), V());
  ASSERT_EQ(Write(Lower(1, "low"), "1"), 0);
  ASSERT_EQ(Write(U("up"), "2"), 0);
  ASSERT_EQ(Write(Lower(1, "d/low"), "3"), 0);
  ASSERT_EQ(MakeDir(U("d")), 0);
  ASSERT_EQ(Write(U("d/up"), "4"), 0);
  EXPECT_TRUE(Soon([&] { return See("low") == "1" && See("up") == "2"; }));
  EXPECT_TRUE(Soon([&] { return See("d/low") == "3" && See("d/up") == "4"; }));
  EXPECT_TRUE(Soon([&] { return List(M("d")) == (V{"low", "up"}); }));
  EXPECT_EQ(open(M("up").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(Read(U("up")), "2");
}

// U6 U9: names that nobody has asked for, in directories whose listings are known.
TEST_F(ByHandTest, NewNames) {
  MakeLayers(2);
  ASSERT_EQ(MakeDir(Lower(1, "d")), 0);
  ASSERT_EQ(MakeDir(U("d")), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(List(M()), V{"d"});
  EXPECT_EQ(List(M("d")), V());
  ASSERT_EQ(Write(Lower(1, "d/low"), "1"), 0);
  ASSERT_EQ(Write(U("d/up"), "2"), 0);
  ASSERT_EQ(Write(U("top"), "3"), 0);
  EXPECT_TRUE(Soon([&] { return List(M("d")) == (V{"low", "up"}) && List(M()) == (V{"d", "top"}); }));
  EXPECT_EQ(See("d/low"), "1");
  EXPECT_EQ(See("d/up"), "2");
  EXPECT_EQ(See("top"), "3");
}

// U10: also for who creates without O_EXCL, before or after it was noticed.
TEST_F(ByHandTest, CreatedWhereUpperGotOneByHand) {
  MakeLayers(1);
  ASSERT_TRUE(MountPlyfs());
  for (int round = 0; round < 20; ++round) {
    std::string name = "f" + std::to_string(round);
    EXPECT_EQ(StatError(M(name)), ENOENT);
    ASSERT_EQ(Write(U(name), "mine"), 0);
    int fd = open(M(name).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (fd >= 0) {
      EXPECT_EQ(ReadFd(fd), "mine");
      close(fd);
    }
    EXPECT_EQ(Read(U(name)), "mine");
    EXPECT_TRUE(Soon([&] { return See(name) == "mine"; }));
  }
}

// U8 S10
TEST_F(ByHandTest, RemovedFile) {
  MakeLayers(1);
  ASSERT_EQ(Write(Lower(0, "f"), "old"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(List(M()), V{"f"});
  int held = open(M("f").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(Remove(Lower(0, "f")), 0);
  EXPECT_TRUE(Soon([&] { return See("f") == Absent() && List(M()) == V(); }));
  EXPECT_EQ(ReadFd(held), "old");
  struct stat st;
  EXPECT_TRUE(Soon([&] { return fstat(held, &st) == 0 && st.st_nlink == 0; }));
  close(held);
}

// U8b
TEST_F(ByHandTest, RemovedDirectory) {
  MakeLayers(1);
  ASSERT_EQ(MakeDirs(Lower(0, "d/e")), 0);
  ASSERT_EQ(Write(Lower(0, "d/e/f"), "x"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(See("d/e/f"), "x");
  int held = open(M("d").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(RemoveTree(Lower(0, "d")), 0);
  EXPECT_TRUE(Soon([&] { return See("d/e/f") == Absent() && StatError(M("d")) == ENOENT; }));
  EXPECT_EQ(Write(M("d/new"), "x"), ENOENT);
  EXPECT_EQ(openat(held, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(Exists(U("d")));
  close(held);
}

// U11 U12
TEST_F(ByHandTest, UpperFilesComeAndGo) {
  MakeLayers(1);
  ASSERT_EQ(Write(Lower(0, "f"), "lower"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(See("f"), "lower");
  ASSERT_EQ(Write(U("f"), "mine"), 0);
  EXPECT_TRUE(Soon([&] { return See("f") == "mine"; }));
  ASSERT_EQ(Remove(U("f")), 0);
  EXPECT_TRUE(Soon([&] { return See("f") == "lower"; }));
  ASSERT_EQ(Append(M("f"), "+"), 0);
  EXPECT_EQ(Read(U("f")), "lower+");
  ASSERT_EQ(Remove(U("f")), 0);
  EXPECT_TRUE(Soon([&] { return See("f") == "lower"; }));
  EXPECT_EQ(Remove(M("f")), 0);
  EXPECT_TRUE(IsWhiteout(U("f")));
}

// U13
TEST_F(ByHandTest, UpperDirectoryRemoved) {
  MakeLayers(1);
  ASSERT_EQ(MakeDir(Lower(0, "merged")), 0);
  ASSERT_EQ(Write(Lower(0, "merged/x"), "x"), 0);
  ASSERT_TRUE(MountPlyfs());
  ASSERT_EQ(MakeDir(M("own")), 0);
  ASSERT_EQ(Write(M("own/f"), "f"), 0);
  ASSERT_EQ(Write(M("merged/new"), "n"), 0);
  ASSERT_EQ(RemoveTree(U("own")), 0);
  ASSERT_EQ(RemoveTree(U("merged")), 0);
  // Who reads it before that is known may be told that it is stale.
  const auto listed = [&] {
    V names;
    std::error_code error;
    for (std::filesystem::directory_iterator at(M("merged"), error), end; !error && at != end;
         at.increment(error))
      names.push_back(at->path().filename());
    return error ? V{error.message()} : names;
  };
  EXPECT_TRUE(Soon([&] { return StatError(M("own")) == ENOENT && listed() == V{"x"}; }));
  EXPECT_EQ(Write(M("own/f"), "f"), ENOENT);
  EXPECT_TRUE(Soon([&] { return Write(M("merged/again"), "a") == 0; }));
  EXPECT_EQ(List(U("merged")), V{"again"});
}

// U14
TEST_F(ByHandTest, WhiteoutPutInUpper) {
  MakeLayers(1);
  ASSERT_EQ(Write(Lower(0, "f"), "x"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(See("f"), "x");
  ASSERT_EQ(MakeWhiteout(U("f")), 0);
  EXPECT_TRUE(Soon([&] { return See("f") == Absent() && List(M()) == V(); }));
}

// U15: a layer that is moved is the same layer; one that is emptied, or whose filesystem is taken away, never
// gives another's data for its own.
TEST_F(ByHandTest, WholeLayerMovedAway) {
  MakeLayers(2);
  ASSERT_EQ(Write(Lower(0, "f"), "A"), 0);
  ASSERT_EQ(Write(Lower(1, "f"), "B"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(See("f"), "A");
  std::string away = dir() + "/away";
  ASSERT_EQ(rename(Lower(0).c_str(), away.c_str()), 0);
  EXPECT_EQ(See("f"), "A");
  ASSERT_EQ(Write(away + "/g", "g"), 0);
  EXPECT_TRUE(Soon([&] { return See("g") == "g"; }));
  ASSERT_EQ(RemoveTree(away), 0);
  EXPECT_TRUE(Soon([&] { return See("f") == "B" && See("g") == Absent(); }));
  EXPECT_EQ(List(M()), V{"f"});
  EXPECT_EQ(Write(M("new"), "x"), 0);
}

// U15
TEST_F(ByHandTest, WholeLayerUnmounted) {
  MakeLayers(2);
  ASSERT_EQ(::mount("layer", Lower(0).c_str(), "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(Write(Lower(0, "f"), "A"), 0);
  ASSERT_EQ(Write(Lower(1, "f"), "B"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(See("f"), "A");
  EXPECT_EQ(StatError(M("g")), ENOENT);
  ASSERT_EQ(umount2(Lower(0).c_str(), MNT_DETACH), 0);
  ASSERT_EQ(Write(Lower(0, "g"), "of another filesystem"), 0);
  EXPECT_EQ(See("f"), "A");
  EXPECT_EQ(Append(M("f"), "+"), 0);
  EXPECT_EQ(Read(U("f")), "A+");
  EXPECT_EQ(See("g"), Absent());
}

// U2: the working directory of somebody who does not come back by name.
TEST_F(ByHandTest, WhoSitsInADirectorySeesWhatJoins) {
  MakeLayers(2);
  ASSERT_EQ(MakeDirs(Lower(1, "d/e")), 0);
  ASSERT_EQ(Write(Lower(1, "d/e/f"), "B"), 0);
  ASSERT_TRUE(MountPlyfs());
  int held = open(M("d/e").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT_EQ(faccessat(held, "g", F_OK, 0), -1);
  ASSERT_EQ(MakeDirs(Lower(0, "d/e")), 0);
  ASSERT_EQ(Write(Lower(0, "d/e/g"), "A"), 0);
  EXPECT_TRUE(Soon([&] { return faccessat(held, "g", F_OK, 0) == 0; }));
  EXPECT_EQ(faccessat(held, "f", F_OK, 0), 0) << errno;
  EXPECT_EQ(See("d/e/g"), "A");
  close(held);
}

// U2: modes, times and overlay records.
TEST_F(ByHandTest, AttributesAndRecords) {
  MakeLayers(2);
  ASSERT_EQ(MakeDir(Lower(0, "d")), 0);
  ASSERT_EQ(MakeDir(Lower(1, "d")), 0);
  ASSERT_EQ(Write(Lower(1, "d/f"), "x"), 0);
  ASSERT_TRUE(MountPlyfs());
  EXPECT_EQ(List(M("d")), V{"f"});
  EXPECT_EQ(Stat(M("d/f")).st_mode & 0777, 0644u);
  ASSERT_EQ(chmod(Lower(1, "d/f").c_str(), 0600), 0);
  ASSERT_EQ(chmod(Lower(0, "d").c_str(), 0700), 0);
  EXPECT_TRUE(Soon([&] { return (Stat(M("d/f")).st_mode & 0777) == 0600; }));
  EXPECT_TRUE(Soon([&] { return (Stat(M("d")).st_mode & 0777) == 0700; }));
  ASSERT_EQ(MakeOpaque(Lower(0, "d")), 0);
  EXPECT_TRUE(Soon([&] { return See("d/f") == Absent() && List(M("d")) == V(); }));
}

// What is known stays with the client, watched or frozen: no request is sent for it again.
TEST_F(ByHandTest, WhatIsKnownIsNotAskedAgain) {
  MakeLayers(2);
  ASSERT_EQ(Write(Lower(1, "f"), "x"), 0);
  for (const char* mode : {"debug,lower=watch", "debug,lower=frozen"}) {
    ASSERT_TRUE(MountPlyfs(mode));
    Stat(M("f"));
    StatError(M("absent"));
    size_t before = Requests(" LOOKUP ") + Requests(" GETATTR node=2 ");
    EXPECT_GT(before, 0u) << daemon_log();
    for (int i = 0; i < 10; ++i) {
      Stat(M("f"));
      EXPECT_EQ(StatError(M("absent")), ENOENT);
    }
    EXPECT_EQ(Requests(" LOOKUP ") + Requests(" GETATTR node=2 "), before) << mode;
    ASSERT_TRUE(Unmount());
  }
}

// U2: where frozen is promised, nobody looks.
TEST_F(ByHandTest, FrozenLowersAreNotWatched) {
  MakeLayers(1);
  ASSERT_TRUE(MountPlyfs("lower=frozen"));
  EXPECT_EQ(StatError(M("absent")), ENOENT);
  ASSERT_EQ(Write(Lower(0, "absent"), "x"), 0);
  EXPECT_EQ(StatError(M("absent")), ENOENT);
}

}  // namespace
}  // namespace plyfs::test
