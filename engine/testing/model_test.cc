// The model says what docs/semantics.md says, rule by rule.  That it says what the kernel does as well is
// tests/model's.
#include "engine/testing/model.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "engine/testing/layer_on_disk.h"
#include "engine/testing/overlay_case.h"

namespace plyfs::model {
namespace {

using V = std::vector<std::string>;

class ModelTest : public ::testing::Test {
 protected:
  // Layers: "u", "a" and "b", made on the way.
  Ref Make(const std::string& path, Ref object) {
    Ref at = roots_.at(path.substr(0, 1));
    Path rest = path.substr(2);
    for (size_t slash; (slash = rest.find('/')) != Path::npos; rest = rest.substr(slash + 1)) {
      Ref& next = at->entries[rest.substr(0, slash)];
      if (!next) next = MakeObject(Type::kDir, 0755);
      at = next;
    }
    return at->entries[rest] = std::move(object);
  }
  Ref Put(const std::string& path, const std::string& data = "") {
    Ref file = MakeObject(Type::kFile, 0644);
    file->data = data;
    return Make(path, file);
  }
  Ref Dir(const std::string& path) { return Make(path, MakeObject(Type::kDir, 0755)); }
  void Whiteout(const std::string& path) { Make(path, MakeWhiteout()); }
  static void SetRecord(const Ref& object, const std::string& record, const std::string& value) {
    object->xattrs["trusted.overlay." + record] = value;
  }
  Model& Mount(Redirects redirects = Redirects::kFollow) {
    Options options;
    options.redirect_dir = redirects;
    options.opaque_mkdir = redirects == Redirects::kOn;
    model_ = std::make_unique<Model>(options, std::vector<Ref>{roots_["a"], roots_["b"]}, roots_["u"]);
    return *model_;
  }
  V List(const Path& path = "") {
    V names;
    const Result<Listing> listing = model_->List(path);
    if (!listing.ok()) return {"errno " + std::to_string(listing.error())};
    for (const auto& [name, type] : *listing) names.push_back(name);
    return names;
  }
  std::string Read(const Path& path) { return model_->ReadFile(path).value_or("(none)"); }
  // What upper has at the path: "(none)", "whiteout", or its type and records.
  std::string Upper(const Path& path) {
    const Tree tree = LayerText(model_->upper());
    auto it = tree.find(path);
    if (it == tree.end()) return "(none)";
    if (it->second == "whiteout") return it->second;
    std::string text = it->second.substr(0, it->second.find(' '));
    for (const char* record : {"origin", "opaque", "redirect"}) {
      const size_t at = it->second.find("trusted.overlay." + std::string(record));
      if (at == std::string::npos) continue;
      const size_t begin = at + std::string("trusted.overlay.").size();
      text += " " + it->second.substr(begin, it->second.find(' ', begin) - begin);
    }
    return text;
  }

  std::map<std::string, Ref> roots_{{"u", MakeObject(Type::kDir, 0755)},
                                    {"a", MakeObject(Type::kDir, 0755)},
                                    {"b", MakeObject(Type::kDir, 0755)}};
  std::unique_ptr<Model> model_;
};

// rules: L1 L3 L4 L5 L6 L7 D1
TEST_F(ModelTest, LayersMergeUntilSomethingEndsIt) {
  Put("u/f", "upper");
  Put("a/f", "a");
  Dir("a/d/one");
  Dir("b/d/two");
  SetRecord(Dir("a/o"), "opaque", "y");
  Put("b/o/hidden");
  Put("a/file");
  Put("b/file/below");
  Whiteout("a/gone");
  Put("b/gone");
  SetRecord(roots_["a"], "opaque", "y");  // of a root: ignored
  Model& model = Mount();
  EXPECT_EQ(List(), (V{"d", "f", "file", "o"}));
  EXPECT_EQ(List("d"), (V{"one", "two"}));
  EXPECT_EQ(List("o"), V());
  EXPECT_EQ(Read("f"), "upper");
  EXPECT_EQ(model.Stat("gone").error(), ENOENT);
  EXPECT_EQ(model.Stat("file/below").error(), ENOTDIR);
}

// rules: L8 L10 L11 L12 L13
TEST_F(ModelTest, RedirectsLeadElsewhere) {
  SetRecord(Dir("u/k"), "redirect", "n");
  SetRecord(Dir("u/z/y"), "redirect", "/p/q");
  SetRecord(Dir("u/bad"), "redirect", "x/y");
  SetRecord(Dir("u/up"), "redirect", "..");
  SetRecord(Dir("b/low"), "redirect", "/nonsense//");
  Put("b/n/from_n");
  SetRecord(Dir("a/p"), "redirect", "r");
  Put("b/r/q/from_r");
  Model& model = Mount();
  EXPECT_EQ(List("k"), V{"from_n"});
  EXPECT_EQ(List("z/y"), V{"from_r"});
  EXPECT_EQ(model.Stat("bad").error(), EINVAL);
  EXPECT_EQ(model.Stat("up").error(), EACCES);
  EXPECT_EQ(List("low"), V());
  EXPECT_EQ(Mount(Redirects::kNoFollow).Stat("k").error(), EPERM);
}

// rules: L17 X5
TEST_F(ModelTest, MetacopyIsRefusedAndWhiteoutsMayBeFiles) {
  SetRecord(Put("a/m", ""), "metacopy", "");
  SetRecord(Put("a/x/w", ""), "whiteout", "");
  Put("b/x/w", "hidden");
  SetRecord(Put("a/y/w", ""), "whiteout", "");
  SetRecord(roots_["a"]->entries["x"], "opaque", "x");
  Model& model = Mount();
  EXPECT_EQ(model.Stat("m").error(), EPERM);
  EXPECT_EQ(List("x"), V());
  EXPECT_EQ(List("y"), V{"w"});
  EXPECT_EQ(model.Stat("y/w").error(), ENOENT);
  EXPECT_TRUE(model.HasGhosts("y"));
  EXPECT_EQ(model.RemoveDir("y").error(), 0);
}

// rules: S7 S8
TEST_F(ModelTest, Links) {
  Dir("a/merged/x");
  Dir("b/merged/y");
  Dir("a/alone/x");
  Ref file = Put("b/f");
  Make("b/g", file);
  file->links = 2;
  Model& model = Mount();
  EXPECT_EQ(model.Stat("")->links, 1u);
  EXPECT_EQ(model.Stat("merged")->links, 1u);
  EXPECT_EQ(model.Stat("alone")->links, 3u);
  EXPECT_EQ(model.Stat("f")->links, 2u);
  EXPECT_EQ(model.Chmod("f", 0600).error(), 0);
  EXPECT_EQ(model.Stat("f")->links, 1u);
  EXPECT_EQ(model.Stat("g")->links, 2u);
  EXPECT_EQ(Upper("f"), "file");  // S6: no origin
}

// rules: C C1 C6 C9 C15 X6 T-f
TEST_F(ModelTest, CopyUp) {
  Put("b/d/f", "data");
  SetRecord(roots_["b"]->entries["d"], "opaque", "x");
  roots_["b"]->entries["d"]->xattrs["user.a"] = "1";
  Model& model = Mount();
  EXPECT_EQ(model.Open(0, "d/f", {.write = false, .truncate = false}).error(), 0);
  EXPECT_EQ(model.RemoveXattr("d/f", "user.none").error(), ENODATA);
  EXPECT_EQ(Upper("d"), "(none)");
  EXPECT_EQ(model.SetXattr("d/f", "user.none", "", XATTR_REPLACE).error(), ENODATA);
  EXPECT_EQ(Upper("d/f"), "file origin");
  EXPECT_EQ(Upper("d"), "dir origin");
  EXPECT_EQ(*model.GetXattr("d", "user.a"), "1");
  EXPECT_EQ(model.Open(1, "d/f", {.write = true, .truncate = true}).error(), 0);
  EXPECT_EQ(model.WriteSlot(1, 0, "new").error(), 0);
  EXPECT_EQ(*model.ReadSlot(0), "new");  // C19
  EXPECT_EQ(roots_["b"]->entries["d"]->entries["f"]->data, "data");
}

// rules: N1 N2 N3 N4 N5 N6 N15
TEST_F(ModelTest, WhatIsMade) {
  Put("b/f");
  Put("b/d/x");
  Whiteout("u/f");
  Whiteout("u/d");
  Whiteout("a/w");
  Put("b/w/x");
  Model& model = Mount();
  EXPECT_EQ(model.Create("f", 0644).error(), 0);
  EXPECT_EQ(model.MakeDir("d", 0755).error(), 0);
  EXPECT_EQ(model.MakeDir("w", 0755).error(), 0);
  EXPECT_EQ(model.MakeDir("d/sub", 0755).error(), 0);
  EXPECT_EQ(model.MakeNode("null", Type::kChar, 0600, 0, 0).error(), EPERM);
  EXPECT_EQ(Upper("f"), "file");
  EXPECT_EQ(Upper("d"), "dir opaque=y");
  EXPECT_EQ(Upper("w"), "dir");
  EXPECT_EQ(List("w"), V());
  EXPECT_EQ(Upper("d/sub"), "dir");
  EXPECT_EQ(Mount(Redirects::kOn).MakeDir("n", 0755).error(), 0);
  EXPECT_EQ(Upper("n"), "dir opaque=y");
  EXPECT_EQ(model_->MakeDir("n", 0755).error(), EEXIST);
}

// rules: N7 N8 N9 N10 N11 N12 N13 N14
TEST_F(ModelTest, WhatIsRemoved) {
  Put("u/own");
  Put("b/f");
  Put("b/d/x");
  Model& model = Mount();
  EXPECT_EQ(model.Unlink("own").error(), 0);
  EXPECT_EQ(Upper("own"), "(none)");
  EXPECT_EQ(model.Unlink("f").error(), 0);
  EXPECT_EQ(Upper("f"), "whiteout");
  EXPECT_EQ(model.RemoveDir("d").error(), ENOTEMPTY);
  EXPECT_EQ(Upper("d"), "(none)");
  EXPECT_EQ(model.Unlink("d").error(), EISDIR);
  EXPECT_EQ(model.RemoveDir("d/x").error(), ENOTDIR);
  EXPECT_EQ(model.Unlink("d/x").error(), 0);
  EXPECT_EQ(model.RemoveDir("d").error(), 0);
  EXPECT_EQ(Upper("d"), "whiteout");
  EXPECT_EQ(model.MakeDir("d", 0755).error(), 0);
  EXPECT_EQ(model.Create("d/y", 0644).error(), 0);
  EXPECT_EQ(model.Unlink("d/y").error(), 0);
  EXPECT_EQ(Upper("d/y"), "(none)");
  EXPECT_EQ(model.RemoveDir("d").error(), 0);
  EXPECT_EQ(Upper("d"), "whiteout");
}

// rules: N17 R14
TEST_F(ModelTest, LinksAreOneObject) {
  Put("b/f", "x");
  Model& model = Mount();
  EXPECT_EQ(model.Link("f", "g").error(), 0);
  EXPECT_EQ(model.Stat("g")->links, 2u);
  EXPECT_EQ(Upper("g"), "file origin");
  EXPECT_EQ(model.Rename("f", "g", 0).error(), 0);
  EXPECT_EQ(List(), (V{"f", "g"}));
  EXPECT_EQ(model.Unlink("f").error(), 0);
  EXPECT_EQ(model.Stat("g")->links, 1u);
}

// rules: N18 N19 S10
TEST_F(ModelTest, FilesWithoutNames) {
  Put("b/f", "x");
  Model& model = Mount();
  EXPECT_EQ(model.TmpFile(0, "", 0600).error(), 0);
  EXPECT_EQ(model.StatSlot(0)->links, 0u);
  EXPECT_EQ(model.LinkSlot(0, "t").error(), 0);
  EXPECT_EQ(model.Unlink("t").error(), 0);
  EXPECT_EQ(model.LinkSlot(0, "t").error(), ENOENT);
  EXPECT_EQ(model.Open(1, "f", {}).error(), 0);
  EXPECT_EQ(model.Unlink("f").error(), 0);
  EXPECT_EQ(model.StatSlot(1)->links, 0u);
  EXPECT_EQ(model.ChmodSlot(1, 0600).error(), 0);
  EXPECT_EQ(*model.ReadSlot(1), "x");
  EXPECT_EQ(Upper("f"), "whiteout");
}

// rules: R2 R3 R4 R5 R6 R8 R12
TEST_F(ModelTest, FilesRenamed) {
  Put("u/own");
  Put("b/low");
  Put("b/gone");
  Whiteout("u/gone");
  Dir("u/d");
  Model& model = Mount();
  EXPECT_EQ(model.Rename("own", "low", RENAME_NOREPLACE).error(), EEXIST);
  EXPECT_EQ(model.Rename("own", "none", RENAME_EXCHANGE).error(), ENOENT);
  EXPECT_EQ(model.Rename("own", "d", 0).error(), EISDIR);
  EXPECT_EQ(model.Rename("low", "gone", 0).error(), 0);
  EXPECT_EQ(Upper("low"), "whiteout");
  EXPECT_EQ(Upper("gone"), "file origin");
  EXPECT_EQ(model.Rename("gone", "low", 0).error(), 0);
  EXPECT_EQ(Upper("gone"), "whiteout");
  EXPECT_EQ(Upper("low"), "file origin");
  EXPECT_EQ(model.Rename("own", "low", 0).error(), 0);
  EXPECT_EQ(Upper("own"), "(none)");
}

// rules: R9 R10 R11 R13 R16 R17 R20
TEST_F(ModelTest, DirectoriesRenamed) {
  Put("b/n/s/x");
  Dir("u/pure");
  Put("u/full/x");
  EXPECT_EQ(Mount().Rename("n", "k", 0).error(), EXDEV);
  EXPECT_EQ(Upper("n"), "(none)");
  Model& model = Mount(Redirects::kOn);
  EXPECT_EQ(model.Rename("n", "full", 0).error(), ENOTEMPTY);
  EXPECT_EQ(Upper("n"), "dir origin redirect=n");
  EXPECT_EQ(model.Rename("n", "k", 0).error(), 0);
  EXPECT_EQ(Upper("n"), "whiteout");
  EXPECT_EQ(model.Rename("k/s", "s", 0).error(), 0);
  EXPECT_EQ(Upper("s"), "dir origin redirect=/n/s");
  EXPECT_EQ(List("s"), V{"x"});
  EXPECT_EQ(model.Rename("pure", "n", 0).error(), 0);
  EXPECT_EQ(Upper("n"), "dir opaque=y");
  EXPECT_EQ(List("n"), V());
  EXPECT_EQ(model.Rename("s", "k", RENAME_EXCHANGE).error(), 0);
  EXPECT_EQ(List("k"), V{"x"});
  EXPECT_EQ(model.Rename("k", "k/x", 0).error(), EINVAL);
}

// rules: L15
TEST_F(ModelTest, ARedirectMayBeTooLong) {
  const std::string name(130, 'n');
  Dir("b/" + name + "/" + name);
  Model& model = Mount(Redirects::kOn);
  EXPECT_EQ(model.Rename(name + "/" + name, "short", 0).error(), EXDEV);
  EXPECT_EQ(model.Rename(name + "/" + name, name + "/short", 0).error(), 0);
}

// rules: A3 A5 A6 A7
TEST_F(ModelTest, Xattrs) {
  Put("u/f");
  SetRecord(Dir("u/d"), "opaque", "y");
  Model& model = Mount();
  EXPECT_EQ(model.SetXattr("f", "trusted.overlay.opaque", "y", 0).error(), 0);
  EXPECT_EQ(*model.ListXattr("f"), V{"trusted.overlay.opaque"});
  EXPECT_EQ(roots_["u"]->entries["f"]->xattrs.count("trusted.overlay.overlay.opaque"), 1u);
  EXPECT_EQ(*model.ListXattr("d"), V());
  EXPECT_EQ(model.GetXattr("d", "trusted.overlay.opaque").error(), ENODATA);
  EXPECT_EQ(model.SetXattr("f", "trusted.overlay.", "", 0).error(), EINVAL);
  EXPECT_EQ(model.Symlink("to", "l").error(), 0);
  EXPECT_EQ(model.SetXattr("l", "user.a", "", 0).error(), EPERM);
  Model without(Options(), {roots_["a"], roots_["b"]}, nullptr);
  EXPECT_EQ(without.Create("new", 0644).error(), EROFS);
}

// Any bytes are a case, and the same bytes the same one.
TEST(CaseTest, BytesAreRecords) {
  std::string bytes;
  for (int i = 0; i < 800; ++i) bytes += static_cast<char>(i * i % 251);
  EXPECT_EQ(ToText(DecodeCase(bytes)), ToText(DecodeCase(bytes)));
  EXPECT_GT(DecodeCase(bytes).steps.size(), 10u);
  EXPECT_EQ(DecodeCase("").steps.size(), 0u);
  const auto has_removal = [](const std::string& b) {
    for (const Step& step : DecodeCase(b).steps) {
      if (step.kind == StepKind::kUnlink) return true;
    }
    return false;
  };
  EXPECT_TRUE(has_removal(bytes));
  EXPECT_EQ(ShrinkCase(bytes, has_removal).size(), 2 * kRecord);
}

}  // namespace
}  // namespace plyfs::model
