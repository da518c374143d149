// The engine's client asking what the kernel would not ask for it: of nodes that nobody holds, of files as
// directories, in directories that are gone, with flags that mean nothing, and on a mount that is read-only.
#include <fcntl.h>
#include <stdio.h>

#include "engine/testing/engine_client.h"

namespace plyfs::model {

namespace {

constexpr NodeId kNobodys = NodeId{1} << 40;

struct Question {
  const char* what;
  int error;
};

}  // namespace

std::string EngineClient::AskAllIn(NodeId node, const std::string& name) {
  const Name at = Name::Trusted(name), other = Name::Trusted("other");
  const int create_flags = O_RDWR | O_CREAT;
  for (const Question& question : {
           Question{"create", fs().Create(me_, node, at, 0600, create_flags).error()},
           Question{"mkdir", fs().MakeDir(me_, node, at, 0700).error()},
           Question{"mknod", fs().MakeNode(me_, node, at, S_IFIFO | 0600, 0).error()},
           Question{"symlink", fs().Symlink(me_, node, at, "to").error()},
           // A nameless file needs no directory that is still there.
           Question{"tmpfile", node == removed_ ? ENOENT : fs().TmpFile(me_, node, 0600, O_RDWR).error()},
           Question{"unlink", fs().Unlink(me_, node, at).error()},
           Question{"rmdir", fs().RemoveDir(me_, node, at).error()},
           Question{"rename from", fs().Rename(me_, node, at, kRootNode, other, 0).error()},
           Question{"rename to", fs().Rename(me_, kRootNode, at, node, other, 0).error()},
       }) {
    if (question.error == 0) return question.what;
  }
  return "";
}

std::string EngineClient::AskOfFlags(const std::string& name) {
  constexpr uint32_t kUnknown = 1u << 5;
  const Name at = Name::Trusted(name), other = Name::Trusted("other");
  for (const uint32_t flags :
       {uint32_t{RENAME_NOREPLACE | RENAME_EXCHANGE}, uint32_t{RENAME_WHITEOUT}, kUnknown}) {
    if (fs().Rename(me_, kRootNode, at, kRootNode, other, flags).ok()) return "rename with flags";
  }
  return "";
}

std::string EngineClient::AskWrongly(const Path& path, const Path& path2) {
  const std::string name = SplitPath(path).second;
  if (name.empty()) return "";
  DropBeliefs();
  std::string wrong = AskAllIn(kNobodys, name);
  if (wrong.empty()) wrong = AskOfFlags(name);
  if (wrong.empty() && fs().Link(me_, kNobodys, kRootNode, Name::Trusted("other")).ok()) wrong = "link";
  if (wrong.empty() && removed_ != 0) wrong = AskAllIn(removed_, name);
  if (wrong.empty() && !mount_.writable()) wrong = AskAllIn(kRootNode, name);
  for (const Path& at : {path, path2}) {
    Result<Found> found = Walk(at);
    if (!wrong.empty() || !found.ok() || found->attr.is_dir()) continue;
    wrong = AskAllIn(found->node, name);
    Result<Entry> linked = fs().Link(me_, found->node, found->node, Name::Trusted(name));
    if (wrong.empty() && linked.ok()) wrong = "link in a file";
  }
  return wrong;
}

}  // namespace plyfs::model
