#include "engine/layer/probe.h"

#include <fcntl.h>

#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

bool IsNotHere(int error) { return error == ENOENT || error == ENAMETOOLONG || error == ENOTDIR; }

// An object of one layer, examined as far as the rule wants.
struct Examined {
  UniqueFd fd;
  struct statx st = {};
  Finding finding;
};

Result<Examined> Examine(const ProbeContext& context, const MergeFold& fold, Result<UniqueFd> opened) {
  Examined e;
  if (IsNotHere(opened.error())) return e;
  if (!opened.ok()) return opened.status();
  e.fd = *std::move(opened);
  PLY_TRY(e.st, sys::StatxFd(e.fd.get()));
  e.finding.found = FoundOf(e.st);
  PLY_CHECK(context.records.Read(e.fd.get(), fold.Wanted(e.finding.found), &e.finding));
  return e;
}

class Prober {
 public:
  Prober(const ProbeContext& context, Name name) : context_(context), fold_(context.rules, name.bytes()) {}

  Status AskUpper(int upper_dir, bool last) {
    PLY_CHECK(fold_.BeginLayer(kUpper, last));
    std::string component(fold_.component());
    PLY_TRY(Examined e,
            Examine(context_, fold_, sys::OpenBeneath(upper_dir, component.c_str(), O_PATH)));
    PLY_TRY(FoldStep step, fold_.Add(e.finding));
    if (step.role != Role::kTop) return OkStatus();
    out_.upper = true;
    out_.top = e.st;
    out_.upper_opaque = fold_.opaque();
    if (!S_ISDIR(e.st.stx_mode)) {
      PLY_TRY(out_.upper_origin, context_.records.Get(e.fd.get(), Record::kOrigin));
    }
    return OkStatus();
  }

  // Goes through `members` and, once a redirect is absolute, through all layers below.
  Status AskLowers(const std::vector<LowerMember>& members) {
    size_t i = 0;
    for (; !fold_.done() && !fold_.absolute() && i < members.size(); ++i) {
      PLY_CHECK(AskMember(members[i], i + 1 == members.size()));
    }
    if (fold_.done() || !fold_.absolute()) return OkStatus();
    LayerId from = i == 0 ? 0 : members[i - 1].layer + 1;
    for (LayerId id = from; !fold_.done() && id < context_.stack.lower_count(); ++id) {
      PLY_CHECK(AskFromRoot(id, id + 1 == context_.stack.lower_count()));
    }
    return OkStatus();
  }

  Result<Probed> Finish() {
    PLY_TRY(Merged merged, fold_.Finish());
    out_.type = merged.type;
    out_.data_path = std::move(merged.data_path);
    return std::move(out_);
  }

 private:
  Status AskMember(const LowerMember& member, bool last) {
    PLY_CHECK(fold_.BeginLayer(member.layer, last));
    LowerPath path = ChildPath(member.path);
    PLY_TRY(Examined e,
            Examine(context_, fold_, context_.stack.lower(member.layer).OpenAt(path, O_PATH)));
    PLY_TRY(FoldStep step, fold_.Add(e.finding));
    Keep(step.role, member.layer, path, e.st);
    return OkStatus();
  }

  Status AskFromRoot(LayerId id, bool last) {
    PLY_CHECK(fold_.BeginLayer(id, last));
    LowerPath path;
    for (;;) {
      path = path.Child(fold_.component());
      PLY_TRY(Examined e, Examine(context_, fold_, context_.stack.lower(id).OpenAt(path, O_PATH)));
      PLY_TRY(FoldStep step, fold_.Add(e.finding));
      Keep(step.role, id, path, e.st);
      if (!step.descend) return OkStatus();
    }
  }

  void Keep(Role role, LayerId layer, const LowerPath& path, const struct statx& st) {
    switch (role) {
      case Role::kTop:
        out_.top = st;
        if (!S_ISDIR(st.stx_mode)) {
          out_.lower = LowerAnchor{layer, path, ObjectIdOf(st)};
          break;
        }
        [[fallthrough]];
      case Role::kMember:
        if (out_.members.empty()) out_.first_member = ObjectIdOf(st);
        out_.members.push_back(LowerMember{layer, path});
        break;
      case Role::kData:
        out_.data = LowerAnchor{layer, path, ObjectIdOf(st)};
        break;
      case Role::kNone:
      case Role::kComponent:
      case Role::kMetadata:
        break;
    }
  }

  // Members mostly share their parent's path: one child path then serves all.
  LowerPath ChildPath(const LowerPath& parent) {
    std::string_view component = fold_.component();
    if (child_.is_root() || !(child_parent_ == parent) || child_.last() != component) {
      child_parent_ = parent;
      child_ = parent.Child(component);
    }
    return child_;
  }

  const ProbeContext& context_;
  MergeFold fold_;
  Probed out_;
  LowerPath child_parent_, child_;
};

}  // namespace

Result<Probed> ProbeName(const ProbeContext& context, int upper_dir, const std::vector<LowerMember>& members,
                         Name name) {
  Prober prober(context, name);
  if (upper_dir >= 0) PLY_CHECK(prober.AskUpper(upper_dir, members.empty()));
  PLY_CHECK(prober.AskLowers(members));
  return prober.Finish();
}

Result<bool> LowerPositive(const ProbeContext& context, const std::vector<LowerMember>& members, Name name) {
  for (const LowerMember& member : members) {
    Result<UniqueFd> fd = context.stack.lower(member.layer).OpenAt(member.path.Child(name.bytes()), O_PATH);
    if (IsNotHere(fd.error())) continue;
    if (!fd.ok()) return fd.status();
    PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
    Finding finding;
    finding.found = FoundOf(st);
    WantedRecords wanted;
    wanted.whiteout = finding.found == Found::kEmptyRegular;
    PLY_CHECK(context.records.Read(fd->get(), wanted, &finding));
    return !finding.is_whiteout();
  }
  return false;
}

Result<LowerAnchor> FindInDataLayers(const LayerStack& stack, const std::string& path) {
  LowerPath at = LowerPath::FromString(path);
  for (LayerId id = stack.lower_count(); id < stack.lower_count() + stack.data_count(); ++id) {
    Result<UniqueFd> fd = stack.lower(id).OpenAt(at, O_PATH);
    if (IsNotHere(fd.error())) continue;
    if (!fd.ok()) return fd.status();
    PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
    if (S_ISREG(st.stx_mode)) return LowerAnchor{id, at, ObjectIdOf(st)};
  }
  return Errno(ENOENT);
}

}  // namespace plyfs
