// SetAttr: each attribute changes alone and together with the others, in upper and in a lower layer, and
// those that were not asked for stay.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "engine/testing/union_fixture.h"

namespace plyfs {
namespace {

class SetAttrTest : public UnionFixture {
 protected:
  SetAttrTest() : UnionFixture("/dev/shm") {}

  void Begin() {
    StartOver();
    for (const char* path : {"u/own", "b/low"}) {
      Put(path, "text");
      const struct timespec times[2] = {{10, 100}, {20, 200}};
      ASSERT_EQ(::utimensat(AT_FDCWD, At(path).c_str(), times, 0), 0);
      ASSERT_EQ(::chown(At(path).c_str(), 3, 4), 0);
    }
    Mount();
  }

  Result<AttrReply> Set(const char* path, const SetAttrArgs& args) {
    return fs_->SetAttr(me_, Walk(path), 0, args);
  }
};

bool Recent(const TimeSpec& time) {
  return time.sec > 1000;
}

// rules: A10 C4
TEST_F(SetAttrTest, EachAttributeAloneAndWithAllOthers) {
  enum What {
    kMode = 1,
    kUid = 2,
    kGid = 4,
    kSize = 8,
    kAtime = 16,
    kMtime = 32,
    kAtimeNow = 64,
    kMtimeNow = 128
  };
  std::vector<int> sets;
  for (int bit = 1; bit < 256; bit *= 2) {
    sets.push_back(bit);
    sets.push_back(bit | kAtimeNow);
    sets.push_back(bit | kAtimeNow | kMtimeNow);
  }
  sets.push_back(kMode | kUid | kGid | kSize | kAtime | kMtime);
  for (const char* path : {"own", "low"}) {
    for (const int set : sets) {
      SCOPED_TRACE(path + std::string(" ") + std::to_string(set));
      Begin();
      SetAttrArgs args;
      if (set & kMode) args.mode = 0640;
      if (set & kUid) args.uid = 7;
      if (set & kGid) args.gid = 8;
      if (set & kSize) args.size = 2;
      if (set & kAtime) args.atime = TimeSpec{30, 300};
      if (set & kMtime) args.mtime = TimeSpec{40, 400};
      args.atime_now = set & kAtimeNow;
      args.mtime_now = set & kMtimeNow;
      Result<AttrReply> reply = Set(path, args);
      ASSERT_EQ(reply.error(), 0);
      const Attr now = Stat(path);
      EXPECT_EQ(now.mode, S_IFREG | (set & kMode ? 0640u : 0644u));
      EXPECT_EQ(now.uid, set & kUid ? 7u : 3u);
      EXPECT_EQ(now.gid, set & kGid ? 8u : 4u);
      EXPECT_EQ(now.size, set & kSize ? 2u : 4u);
      if (args.atime_now) {
        EXPECT_TRUE(Recent(now.atime));
      } else {
        EXPECT_EQ(now.atime, (set & kAtime ? TimeSpec{30, 300} : TimeSpec{10, 100}));
      }
      if (args.mtime_now) {
        EXPECT_TRUE(Recent(now.mtime));
      } else if (set & kMtime) {
        EXPECT_EQ(now.mtime, (TimeSpec{40, 400}));
      } else if (!(set & kSize)) {
        EXPECT_EQ(now.mtime, (TimeSpec{20, 200}));
      }
      EXPECT_EQ(reply->attr.mode, now.mode);
      EXPECT_EQ(reply->attr.size, now.size);
      EXPECT_EQ(reply->attr.uid, now.uid);
      EXPECT_EQ(Read(path), set & kSize ? "te" : "text");
      EXPECT_EQ(Get("b/low"), "text");
    }
  }
}

// rules: C
TEST_F(SetAttrTest, AFileThatLosesAllItsDataIsCopiedUpWithoutThem) {
  Begin();
  SetAttrArgs args;
  args.size = 0;
  ASSERT_EQ(Set("low", args).error(), 0);
  EXPECT_EQ(Get("u/low"), "");
  EXPECT_EQ(Stat("low").size, 0u);
}

// rules: A10
TEST_F(SetAttrTest, ChownToNobodyElseIsRefusedToStrangersWhereItClearsSetId) {
  for (const bool set_id : {false, true}) {
    for (const uid_t uid : {0u, 3u, 9u}) {
      SCOPED_TRACE(std::to_string(uid) + (set_id ? " set-id" : ""));
      Begin();
      ASSERT_EQ(::chmod(At("u/own").c_str(), set_id ? 04755 : 0755), 0);
      Caller user;
      user.uid = user.gid = uid;
      const bool refused = set_id && uid == 9;
      EXPECT_EQ(fs_->SetAttr(user, Walk("own"), 0, {}).error(), refused ? EPERM : 0);
      EXPECT_EQ(Stat("own").mode, S_IFREG | (refused ? 04755u : 0755u));
    }
  }
}

// The thread is told by its pid, which is 0 where it is outside our pid namespace.
// rules: A10
TEST_F(SetAttrTest, AWritersRequestWithoutAttributesClearsUnlessHeJustRemovedTheCapability) {
  for (const pid_t pid : {0, 1}) {
    for (const bool removed : {false, true}) {
      SCOPED_TRACE(std::to_string(pid) + (removed ? " removed" : ""));
      Begin();
      ASSERT_EQ(::chmod(At("u/own").c_str(), 04755), 0);
      // CAP_CHOWN, permitted and effective (linux/capability.h: struct vfs_cap_data).
      const char capability[20] = {1, 0, 0, 2, 1};
      ASSERT_EQ(::setxattr(At("u/own").c_str(), "security.capability", capability, sizeof capability, 0), 0);
      const NodeId node = Walk("own");
      Result<Opened> file = fs_->Open(me_, node, O_WRONLY, false);
      ASSERT_TRUE(file.ok());
      Caller user;
      user.uid = user.gid = 9;
      user.pid = pid;
      if (removed) {
        ASSERT_EQ(fs_->RemoveXattr(user, node, "security.capability").error(), 0);
      }
      EXPECT_EQ(fs_->SetAttr(user, node, file->handle, {}).error(), 0);
      EXPECT_EQ(Stat("own").mode, S_IFREG | (removed ? 04755u : 0755u));
      // Once: the next one is nobody's write.
      EXPECT_EQ(fs_->SetAttr(user, node, file->handle, {}).error(), 0);
      EXPECT_EQ(Stat("own").mode, S_IFREG | 0755u);
      fs_->Release(node, file->handle);
    }
  }
}

}  // namespace
}  // namespace plyfs
