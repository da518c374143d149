// EveryCallTest: a fixture that makes each call of an operation fail once and compares what is there
// afterwards.
//
// Only for tests of union_fs.  One thread; layers lie on tmpfs and are made anew for each call.
#ifndef PLYFS_ENGINE_UNION_FS_EVERY_CALL_FOR_TEST_H_
#define PLYFS_ENGINE_UNION_FS_EVERY_CALL_FOR_TEST_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/format/acl.h"
#include "engine/io/fail_call_for_test.h"
#include "engine/io/sanitized_for_test.h"
#include "engine/testing/union_fixture.h"

namespace plyfs {

class EveryCallTest : public UnionFixture {
 protected:
  EveryCallTest() : UnionFixture("/dev/shm") { Use({}); }

  using T = TreeText;
  using Step = std::function<int()>;
  enum class Done { kWhollyOrNot, kPartly };

  // The options of the mounts from now on.
  void Use(Config config) { config_ = std::move(config); }
  // Calls fail only, for it takes long to mount.
  void WithoutAnswers() { answers_ = false; }
  // What is in the layers from now on; few things, for they are made anew for each call.
  void Lay(std::function<void()> lay) { lay_ = std::move(lay); }

  void Begin() {
    StartOver();
    lay_();
    Mount(config_);
  }

  // The merged view, with the extended attributes that the tests set.
  T Look() {
    T view = View();
    for (auto& [path, text] : view) {
      const NodeId node = Walk(path);
      for (const char* name : {"user.k", "system.posix_acl_access", "system.posix_acl_default"}) {
        Result<std::string> value = fs_->GetXattr(me_, node, name);
        if (value.ok()) text += std::string(" ") + name + "=" + std::to_string(value->size());
      }
    }
    return view;
  }

  // Where it is done partly, some of what was asked for may be there after an error (an owner without the
  // mode).
  void Check(const char* name, const Step& step, Done done = Done::kWhollyOrNot) {
    SCOPED_TRACE(name);
    Begin();
    const T old_view = Look();
    ASSERT_EQ(step(), 0);
    const T new_view = Look();
    for (int nth = 1;; ++nth) {
      Begin();
      FailCall fault(nth);
      int error = 0;
      {
        ScopedFaults faults(&fault);
        error = step();
      }
      if (!fault.failed()) {
        EXPECT_EQ(error, 0);
        EXPECT_GT(nth, 1);
        return answers_ ? CheckAnswers(step, done, old_view, new_view) : void();
      }
      SCOPED_TRACE("call " + std::to_string(nth) + ", " + OpName(fault.which()));
      EXPECT_TRUE(error == 0 || error == EIO || error == ESTALE) << error;  // ESTALE: on the way to it
      const T live = Look();
      if (done == Done::kWhollyOrNot || error == 0) {
        EXPECT_TRUE(live == new_view || (error != 0 && live == old_view)) << ::testing::PrintToString(live);
      }
      // What could not be discarded after all was done stays until the next mount.
      if (error != 0 && fault.which() != Op::kUnlink) {
        EXPECT_EQ(Leftovers(), std::vector<std::string>());
      }
      Mount(config_);
      EXPECT_EQ(Look(), live);
      EXPECT_EQ(Leftovers(), std::vector<std::string>());
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }

  // What a file holds, of what Look says of it.
  static std::string TextIn(const std::string& facts) {
    const size_t at = facts.find(" text ");
    if (at == facts.npos) return "";
    return facts.substr(at, std::min(facts.find(" user.", at), facts.find(" system.", at)) - at);
  }

  // Each call answers what may be so of another object or filesystem.  It is believed, so what was asked for
  // may be refused with whatever errno, or be done as it would have been there (without the attribute that
  // there was not, without hiding what was not there); but to the next mount too each name then holds what it
  // held or should hold or has in a layer, and nothing is left over.
  void CheckAnswers(const Step& step, Done done, const T& old_view, const T& new_view) {
    fs_.reset();
    const auto open_before = OpenDescriptors();
    ForEachAnswer([&](AnswerCall& answer) {
      if (HasFailure()) return;
      Begin();
      {
        ScopedFaults faults(&answer);
        (void)step();
      }
      SCOPED_TRACE(answer.text());
      Mount(config_);
      numbers_agree_ = false;
      const T shown = Look();
      numbers_agree_ = true;
      for (const auto& [path, facts] : shown) {
        const auto as = [&](const T& view) {
          const auto there = view.find(path);
          return there != view.end() && (TextIn(there->second) == TextIn(facts) || done == Done::kPartly);
        };
        const auto in = [&](const std::string& layer) {
          const std::string text = TextIn(facts);
          return Exists(layer + path) && (text.empty() || text == " text " + Get(layer + path));
        };
        EXPECT_TRUE(as(old_view) || as(new_view) || in("a/") || in("b/")) << path << " " << facts;
      }
      EXPECT_EQ(Leftovers(), std::vector<std::string>());
      fs_.reset();
      EXPECT_EQ(OpenDescriptors(), open_before);
    });
  }

  // What only reads answers right or not at all, and nothing stays wrong or open after it.  `ask` leaves in
  // *text what it was told.
  using Question = std::function<int(std::string* text)>;
  void CheckQuestion(const char* name, const Question& ask) {
    SCOPED_TRACE(name);
    Begin();
    std::string right;
    ASSERT_EQ(ask(&right), 0);
    for (int nth = 1;; ++nth) {
      Mount(config_);
      FailCall fault(nth);
      std::string text;
      int error = 0;
      {
        ScopedFaults faults(&fault);
        error = ask(&text);
      }
      if (!fault.failed()) {
        EXPECT_GT(nth, 1);
        return answers_ ? AskWithAnswers(ask, right) : void();
      }
      SCOPED_TRACE("call " + std::to_string(nth) + ", " + OpName(fault.which()));
      if (error == 0) {
        EXPECT_EQ(text, right);
      } else {
        EXPECT_TRUE(error == EIO || error == ESTALE) << error;
      }
      text.clear();
      EXPECT_EQ(ask(&text), 0);
      EXPECT_EQ(text, right);
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }

  // What other objects answer may be believed as long as the mount lasts; it leaves nothing.
  void AskWithAnswers(const Question& ask, const std::string& right) {
    fs_.reset();
    const auto open_before = OpenDescriptors();
    ForEachAnswer([&](AnswerCall& answer) {
      if (HasFailure()) return;
      Mount(config_);
      std::string text;
      {
        ScopedFaults faults(&answer);
        (void)ask(&text);
      }
      SCOPED_TRACE(answer.text());
      Mount(config_);
      text.clear();
      EXPECT_EQ(ask(&text), 0);
      EXPECT_EQ(text, right);
      fs_.reset();
      EXPECT_EQ(OpenDescriptors(), open_before);
    });
  }

  int SetAttrOf(const std::string& path, const SetAttrArgs& args, Caller caller = {}) {
    return fs_->SetAttr(caller, Walk(path), 0, args).error();
  }
  // Opens, acts on the handle and closes.
  int WithFile(const std::string& path, uint32_t flags, const std::function<int(NodeId, Handle)>& act) {
    const NodeId node = Walk(path);
    if (node == 0) return EIO;
    Result<Opened> file = fs_->Open(me_, node, flags, false);
    if (!file.ok()) return file.error();
    const int error = act(node, file->handle);
    fs_->Release(node, file->handle);
    return error;
  }
  int IoctlOf(const std::string& path, uint32_t command, const void* in, size_t size) {
    return fs_->Ioctl(me_, Walk(path), 0, command, {static_cast<const char*>(in), size}, size).error();
  }
  // Says more than a mode can.
  static std::string SomeAcl() {
    return ComposeAcl({{AclTag::kUserObj, 7},
                       {AclTag::kUser, 4, 7},
                       {AclTag::kGroupObj, 5},
                       {AclTag::kMask, 5},
                       {AclTag::kOther, 4}});
  }

 private:
  Config config_;
  std::function<void()> lay_ = [] {};
#ifdef PLYFS_SANITIZED_HERE
  bool answers_ = false;  // minutes; engine_model and engine_crash (fuzz/) give them under sanitizers
#else
  bool answers_ = true;
#endif
};

}  // namespace plyfs

#endif  // PLYFS_ENGINE_UNION_FS_EVERY_CALL_FOR_TEST_H_
