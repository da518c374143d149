// The planted faults (base/planted.h), each where it shows: a fault that does nothing would let the
// differential test's search for it prove nothing.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <map>

#include "engine/base/planted.h"
#include "engine/format/acl.h"
#include "engine/testing/union_fixture.h"

#ifdef PLYFS_DEBUG

namespace plyfs {
namespace {

// Each fault has a question whose answer is another one while the fault is awake.
class PlantedFaultsTest : public UnionFixture {
 protected:
  PlantedFaultsTest() : UnionFixture("/dev/shm") {}
  ~PlantedFaultsTest() override {
    ::unsetenv("PLYFS_PLANT");
    planted_internal::active = Plant::kCount;
  }

  using Question = std::function<std::string()>;

  std::string Ask(const Question& question) {
    StartOver();
    Put("b/low", "LOWER text");
    ::chmod(At("b/low").c_str(), 0644);
    Put("b/dir/f", "text");
    Put("b/dir/sub/g", "text");
    Put("b/dir2/h", "text");
    Put("b/gone/x");
    Whiteout("u/gone");
    Whiteout("u/none");
    Put("u/own", "text of own");
    Put("third/deep");
    Put("u/deep");
    Put("b/hidden/x");
    Dir("u/hidden");
    SetRecord("u/hidden", "opaque", "y");
    MountAll();
    return question();
  }
  void MountAll() {
    Mount([this](StackConfig* c) {
      c->lowerdirs.push_back(At("third"));
      c->redirect_dir = RedirectDir::kOn;
    });
  }

  void Expect(const std::map<Plant, Question>& questions) {
    for (const auto& [plant, question] : questions) {
      const std::string name(FactsOf(plant).name);
      SCOPED_TRACE(name);
      const std::string right = Ask(question);
      ASSERT_EQ(Ask(question), right);
      ::setenv("PLYFS_PLANT", (name + ":1").c_str(), 1);
      ASSERT_TRUE(InstallPlantFromEnvironment().ok());
      bool differs = false;
      // Far beyond one in kPlantRate.
      for (int i = 0; !differs && i < 20 * static_cast<int>(kPlantRate); ++i)
        differs = Ask(question) != right;
      planted_internal::active = Plant::kCount;
      EXPECT_TRUE(differs) << FactsOf(plant).what;
    }
  }

  std::string Facts(const std::string& path) {
    const Attr attr = Stat(path);
    return std::to_string(attr.mode) + " " + std::to_string(attr.uid) + ":" + std::to_string(attr.gid) + " " +
           std::to_string(attr.size) + " " + std::to_string(attr.nlink);
  }
  std::string Nanoseconds(const std::string& path) { return " " + std::to_string(Stat(path).mtime.nsec); }
  std::string UpperText() const { return ::testing::PrintToString(Upper()); }
  std::string Set(const std::string& path, const std::function<void(SetAttrArgs*)>& fill) {
    SetAttrArgs args;
    fill(&args);
    EXPECT_EQ(fs_->SetAttr(me_, Walk(path), 0, args).error(), 0);
    return Facts(path);
  }
  std::string WithFile(const std::string& path, uint32_t flags,
                       const std::function<std::string(NodeId, Handle)>& act) {
    const NodeId node = Walk(path);
    Result<Opened> file = fs_->Open(me_, node, flags, false);
    EXPECT_TRUE(file.ok());
    const std::string text = act(node, file->handle);
    fs_->Release(node, file->handle);
    return text + " " + (Walk(path) != 0 ? Read(path) : "(gone)");
  }
  std::string WithTmpFile(const std::function<std::string(const Created&)>& act) {
    Result<Created> made = fs_->TmpFile(me_, Walk("dir"), 0640, O_RDWR);
    EXPECT_TRUE(made.ok());
    const std::string text = act(*made);
    fs_->Release(made->entry.node, made->opened.handle);
    return text;
  }
};

TEST_F(PlantedFaultsTest, OfNewNames) {
  Expect({
      {Plant::kCreate, [this] { return std::to_string(Create("new")) + Facts("new"); }},
      {Plant::kMkdir, [this] { return std::to_string(MakeDir("gone")) + UpperText(); }},
      {Plant::kMknod, [this] { return std::to_string(MakeNode("new", S_IFIFO | 0644)) + Facts("new"); }},
      {Plant::kSymlink, [this] { return std::to_string(Symlink("new", "target")) + UpperText(); }},
      {Plant::kLink, [this] { return std::to_string(Link("low", "dir/new")) + Record("u/dir", "impure"); }},
      {Plant::kTmpfile,
       [this] {
         return WithTmpFile([](const Created& made) { return std::to_string(made.entry.attr.mode); });
       }},
      {Plant::kLinkat,
       [this] {
         return WithTmpFile([this](const Created& made) {
           Result<Entry> entry = fs_->Link(me_, made.entry.node, Walk("dir"), Name::Trusted("new"));
           return std::to_string(entry.ok() ? entry->attr.nlink : 99);
         });
       }},
  });
}

TEST_F(PlantedFaultsTest, OfNamesThatGoOrMove) {
  Expect({
      {Plant::kUnlink, [this] { return std::to_string(Unlink("deep")) + UpperText(); }},
      {Plant::kRmdir, [this] { return std::to_string(RemoveDir("hidden")) + UpperText(); }},
      {Plant::kRename, [this] { return std::to_string(Rename("low", "none")) + UpperText(); }},
      {Plant::kRenameOpaque,
       [this] { return std::to_string(MakeDir("new") + Rename("new", "dir/new")) + UpperText(); }},
      {Plant::kRenameNoReplace, [this] { return std::to_string(Rename("low", "new", RENAME_NOREPLACE)); }},
      {Plant::kRenameExchange,
       [this] {
         return std::to_string(MakeDir("made") + Rename("dir/f", "made", RENAME_EXCHANGE)) + UpperText();
       }},
      {Plant::kRedirect, [this] { return std::to_string(Rename("dir/sub", "sub")) + UpperText(); }},
      {Plant::kReaddir,
       [this] {
         const NodeId node = Walk("");
         Result<Opened> dir = fs_->OpenDir(me_, node == 0 ? kRootNode : node, 0);
         std::map<std::string, int> names;  // in whatever order
         for (Cookie from = 0, before = 1; from != before;) {
           before = from;
           int taken = 0;  // so few at a time that the reading goes on at a cookie
           EXPECT_TRUE(fs_->ReadDir(kRootNode, dir->handle, from,
                                    [&](const DirEntry& entry) {
                                      if (++taken > 3) return false;
                                      ++names[std::string(entry.name)];
                                      from = entry.next;
                                      return true;
                                    })
                           .ok());
         }
         fs_->ReleaseDir(kRootNode, dir->handle);
         return ::testing::PrintToString(names);
       }},
  });
}

TEST_F(PlantedFaultsTest, OfAttributes) {
  const auto acl = [] {
    return ComposeAcl({{AclTag::kUserObj, 7},
                       {AclTag::kUser, 4, 7},
                       {AclTag::kGroupObj, 5},
                       {AclTag::kMask, 5},
                       {AclTag::kOther, 4}});
  };
  Expect({
      {Plant::kChmod, [this] { return Set("own", [](SetAttrArgs* a) { a->mode = 0600; }); }},
      {Plant::kChown, [this] { return Set("own", [](SetAttrArgs* a) { a->uid = a->gid = 7; }); }},
      {Plant::kUtimens,
       [this] { return Set("own", [](SetAttrArgs* a) { a->mtime = TimeSpec{5, 5}; }) + Nanoseconds("own"); }},
      {Plant::kTruncate,
       [this] {
         Set("own", [](SetAttrArgs* a) { a->size = 3; });
         return Read("own");
       }},
      {Plant::kSetXattr,
       [this] {
         return std::to_string(SetXattr("own", "user.k", "value")) +
                fs_->GetXattr(me_, Walk("own"), "user.k").value_or("?");
       }},
      {Plant::kRemoveXattr,
       [this] {
         EXPECT_EQ(SetXattr("own", "user.k", "value"), 0);
         EXPECT_EQ(fs_->RemoveXattr(me_, Walk("own"), "user.k").error(), 0);
         return fs_->GetXattr(me_, Walk("own"), "user.k").value_or("?");
       }},
      {Plant::kAcl,
       [=, this] {
         return std::to_string(SetXattr("own", "system.posix_acl_access", acl())) +
                std::to_string(Stat("own").mode);
       }},
  });
}

TEST_F(PlantedFaultsTest, OfContents) {
  const auto write = [this](NodeId node, Handle handle, bool from_cache) {
    WriteFlags flags;
    flags.from_cache = from_cache;
    EXPECT_TRUE(fs_->Write(me_, node, handle, 0, std::string("XYZ"), flags).ok());
    return std::string();
  };
  const auto seek = [this](int whence) {
    return WithFile("own", O_RDONLY, [=, this](NodeId node, Handle handle) {
      Result<uint64_t> at = fs_->Seek(node, handle, 0, whence);
      return std::to_string(at.ok() ? *at : 99);
    });
  };
  const auto opened = [=, this](const std::function<std::string(NodeId, Handle)>& act) {
    return WithFile("own", O_RDWR, act);
  };
  Expect({
      {Plant::kOpenTruncate,
       [this] { return WithFile("own", O_RDWR | O_TRUNC, [](NodeId, Handle) { return ""; }); }},
      {Plant::kWrite, [=] { return opened([=](NodeId n, Handle h) { return write(n, h, false); }); }},
      {Plant::kMappedWrite, [=] { return opened([=](NodeId n, Handle h) { return write(n, h, true); }); }},
      {Plant::kFallocate,
       [=, this] {
         return opened([this](NodeId node, Handle handle) {
           return std::to_string(fs_->Fallocate(me_, node, handle, 0, 0, 100).error());
         });
       }},
      {Plant::kCopyFileRange,
       [=, this] {
         return opened([this](NodeId node, Handle handle) {
           return WithFile("low", O_RDONLY, [=, this](NodeId from, Handle source) {
             return std::to_string(fs_->CopyFileRange(me_, from, source, 0, node, handle, 0, 4).error());
           });
         });
       }},
      {Plant::kSeekHole, [=] { return seek(SEEK_HOLE); }},
      {Plant::kSeekData, [=] { return seek(SEEK_DATA); }},
      {Plant::kUnlinkedIo,
       [=, this] {
         return opened([=, this](NodeId node, Handle handle) {
           EXPECT_EQ(Unlink("own"), 0);
           SetAttrArgs args;
           args.mode = 0600;
           Result<AttrReply> reply = fs_->SetAttr(me_, node, handle, args);
           write(node, handle, false);
           return std::to_string(reply.ok() ? reply->attr.mode : 99) + ReadHandle(handle);
         });
       }},
  });
}

TEST_F(PlantedFaultsTest, OfCopyingUp) {
  const auto number = [this] { return Stat("low").ino; };
  Expect({
      {Plant::kFlock,
       [this] {
         const NodeId node = Walk("low");
         WithFile("low", O_RDONLY, [this](NodeId, Handle) { return std::to_string(Chmod("low", 0600)); });
         return std::to_string(node == Walk("low"));
       }},
      {Plant::kRemount,
       [=, this] {
         const uint64_t before = number();
         EXPECT_EQ(Chmod("low", 0600), 0);
         MountAll();
         return std::to_string(before == number());
       }},
      {Plant::kCopyUpNumber,
       [=, this] {
         const uint64_t before = number();
         EXPECT_EQ(Chmod("low", 0600), 0);
         return std::to_string(before == number());
       }},
      {Plant::kCopyUpOrigin, [this] { return std::to_string(Chmod("low", 0600)) + UpperText(); }},
      {Plant::kCopyUpTimes,
       [this] {
         struct timespec times[2] = {{5, 5}, {5, 5}};
         ::utimensat(AT_FDCWD, At("b/low").c_str(), times, 0);
         return std::to_string(Chmod("low", 0600)) + Nanoseconds("low");
       }},
      {Plant::kCopyUpParent, [this] { return std::to_string(Chmod("dir/f", 0600)) + Facts("dir"); }},
      {Plant::kImpure, [this] { return std::to_string(Chmod("dir/f", 0600)) + Record("u/dir", "impure"); }},
  });
}

}  // namespace
}  // namespace plyfs

#endif  // PLYFS_DEBUG
