#include "engine/layer/probe.h"

#include <fcntl.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "engine/base/asked_layer.h"
#include "engine/format/whiteout_names.h"
#include "engine/io/batch.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/examine.h"
#include "engine/layer/index_file.h"
#include "engine/layer/indexed.h"
#include "engine/layer/object.h"

namespace plyfs {
namespace {

// So many are asked one by one first, which tells whether they are answered from memory.
constexpr size_t kToTell = 8;
// As many as are worth looking at side by side, and so many of them before what they say is considered.
constexpr size_t kMany = 32, kWave = 64;

class Prober {
 public:
  Prober(const ProbeContext& context, Name name, const Lowers& lowers)
      : context_(context),
        name_(name),
        lowers_(lowers),
        fold_(context.rules, name.bytes()),
        may_hold_(context.held != nullptr) {}

  Status AskUpper(int upper_dir) {
    AskedLayer::Note(kUpper);
    PLY_CHECK(fold_.BeginLayer(kUpper, lowers_.lowest == kUpper));
    std::string component(fold_.component());
    ProbeOutcome opened = OutcomeOf(sys::OpenBeneath(upper_dir, component.c_str(), O_PATH));
    // A submount covers it, and there was no privilege to look beneath (layer/upper_clone.h).
    if (opened.error == EXDEV) opened.error = EREMOTE;
    PLY_TRY(Examined e, Examine(context_.records, fold_, std::move(opened), /*to_read=*/false));
    PLY_CHECK(ReadWhiteoutNames(
        component, [&](const std::string& name) { return sys::OpenBeneath(upper_dir, name.c_str(), O_PATH); },
        &e));
    PLY_TRY(FoldStep step, fold_.Add(e.finding));
    if (step.role != Role::kTop) return OkStatus();
    out_.upper = true;
    out_.top = e.st;
    if (S_ISDIR(e.st.stx_mode)) out_.copies.Add(e.st);
    out_.upper_opaque = fold_.opaque();
    if (!S_ISDIR(e.st.stx_mode)) {
      PLY_TRY(out_.upper_origin, context_.records.Get(e.fd.get(), Record::kOrigin));
    }
    return OkStatus();
  }

  // Goes through the members and, once a redirect is absolute, through all layers below.
  Status AskLowers() {
    std::vector<LowerMember> more;
    const std::vector<LowerMember>* members = &lowers_.members;
    bool narrowed = lowers_.rest != nullptr;
    size_t i = 0;
    while (!fold_.done() && !fold_.absolute()) {
      if (narrowed && LeadsElsewhere(i == members->size())) {
        more = lowers_.rest(next_);
        members = &more;
        narrowed = false;
        i = 0;
      }
      if (i == members->size()) return OkStatus();
      PLY_TRY(i, AskMembers(*members, i));
    }
    while (!fold_.done() && next_ < context_.stack.lower_count()) PLY_CHECK(AskFromRoot(next_));
    return OkStatus();
  }

  Result<Probed> Finish() {
    out_.redirected = fold_.path() != name_.bytes();
    PLY_TRY(Merged merged, fold_.Finish());
    out_.type = merged.type;
    out_.data_path = std::move(merged.data_path);
    return std::move(out_);
  }

 private:
  // What a whiteout by name beside the object, or one within the directory, says of the layers below (O1,
  // O2). `open` opens in the directory that the object is in.
  template <typename Open>
  Status ReadWhiteoutNames(std::string_view name, const Open& open, Examined* e) {
    const bool is_dir = e->finding.found == Found::kDirectory;
    if (!context_.records.read_whiteout_names() || (!is_dir && e->finding.found != Found::kAbsent)) {
      return OkStatus();
    }
    PLY_TRY(bool hides, IsThere(open(WhiteoutNameOf(name))));
    if (is_dir && !hides) {
      PLY_TRY(hides, IsThere(sys::OpenBeneath(e->fd.get(), kOpaqueFile, O_PATH)));
    }
    if (!hides) return OkStatus();
    if (!is_dir) e->finding.found = Found::kWhiteout;
    NoteXwhiteouts(*e);
    e->finding.opaque = Opaque::kYes;
    return OkStatus();
  }

  Status ReadWhiteoutNames(const Layer& layer, const LowerPath& path, Examined* e) {
    return ReadWhiteoutNames(
        path.last(), [&](const std::string& name) { return layer.OpenAt(path.Parent().Child(name), O_PATH); },
        e);
  }

  void NoteXwhiteouts(const Examined& e) { out_.xwhiteouts |= e.finding.opaque == Opaque::kHasXwhiteouts; }

  // Who holds the name itself says nothing of who holds what a redirect calls it, or its data.
  bool LeadsElsewhere(bool all_asked) const {
    return fold_.path() != name_.bytes() || (all_asked && fold_.wants_data());
  }

  // Asks the members from `first` on for the present component, until the answer is settled or a redirect
  // changes it for those below.  Gives the first member not asked.
  Result<size_t> AskMembers(const std::vector<LowerMember>& members, size_t first) {
    // Not absolute, so the whole path is one name.
    const std::string component(fold_.path());
    size_t end = members.size();
    PLY_TRY(size_t answered, AskIndices(members, first, end, component));
    if (answered > first) return answered;
    end = first + 1;
    while (end < members.size() && !LayerOf(members[end]).trusted_index()) ++end;
    PLY_TRY(bool taken, TakeByName(members[first], component));
    if (taken) return first + 1;
    const bool to_read = ToBeRead(members[first], end - first);
    if (to_read) {
      end = std::min(end, first + out_.held.room());
      if (std::exchange(warm_, false) && end - first >= kMany) {
        return AskSideBySide(members, first, std::min(end, first + kWave), component);
      }
      if (MayBeWarm(members[first])) end = std::min(end, first + kToTell);
    }
    const int flags = to_read ? kToRead : O_PATH;
    if (first + 1 == end) {
      LowerPath path = members[first].path.Child(component);
      PLY_CHECK(
          TakeMember(members[first], path, OutcomeOf(LayerOf(members[first]).OpenAt(path, flags)), to_read));
      return first + 1;
    }
    std::vector<LowerPath> paths;
    std::deque<std::string> texts;  // addresses must last
    std::vector<Probe> probes;
    probes.reserve(end - first);
    for (size_t i = first; i < end; ++i) {
      if (paths.empty() || !(members[i].path == members[i - 1].path)) {
        paths.push_back(members[i].path.Child(component));
        texts.push_back(paths.back().ToString());
      }
      const Layer& layer = context_.stack.lower(members[i].layer);
      probes.push_back(
          Probe{static_cast<uint32_t>(paths.size() - 1), layer.root(), texts.back().c_str(), layer.pace()});
    }
    ProbeBatch batch(probes, ProbeQuestion{/*open=*/true, flags, /*stat=*/true}, context_.rings);
    ProbeOutcome outcome{};
    size_t i = first;
    while (!fold_.done() && !fold_.absolute() && fold_.path() == component) {
      // What is waited for long is not read one after another.
      if (batch.launched() && context_.side_by_side && IsDirectory()) {
        const size_t before = i;
        PLY_TRY(i, TakeBatch(members, i, component, to_read, &batch));
        if (i == before) break;
        continue;
      }
      // From now on they are opened otherwise.
      if (i < end && !batch.launched() && to_read != ToBeRead(members[i], end - i)) break;
      if (i < end) AskedLayer::Note(members[i].layer);
      if (!batch.Next(&outcome)) break;
      const LowerPath& path = paths[outcome.index];
      PLY_CHECK(TakeMember(members[i], path, std::move(outcome), to_read));
      outcome = ProbeOutcome{};
      ++i;
    }
    warm_ = to_read && MayBeWarm(members[first]);
    return i;
  }

  // A file without records, which are most of them, through the descriptor that there is of its directory:
  // two calls in the place of four.  False: it is none, or has to be opened to know.
  Result<bool> TakeByName(const LowerMember& member, const std::string& component) {
    // Where it is not known who holds the name, it is asked for in many at once.
    if (!context_.copies || !lowers_.rest || lowers_.likely_directory) return false;
    if (component != name_.bytes()) return false;
    const int dir = context_.copies->Of(member.layer);
    if (dir < 0) return false;
    AskedLayer::Note(member.layer);
    Result<struct statx> st = sys::Statx(dir, component.c_str());
    if (!st.ok() || !(S_ISREG(st->stx_mode) || S_ISLNK(st->stx_mode))) return false;
    // What is mounted there is not the layer's.
    if ((st->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0) return false;
    if ((st->stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) return false;
    if (S_ISREG(st->stx_mode) && context_.records.MayHaveAnyAt(dir, component.c_str()).value_or(true))
      return false;
    ProbeOutcome outcome{};
    outcome.st = *st;
    Finding finding;
    finding.found = FoundOf(*st);
    PLY_CHECK(TakeMember(member, member.path.Child(component), std::move(outcome), false, &finding));
    return true;
  }

  bool MayBeWarm(const LowerMember& member) const {
    const FsPace* pace = LayerOf(member).pace();
    return !pace || !(pace->slow() || pace->cold());
  }

  // One of the copies of what is a directory in layers above, looked at ahead of its turn.
  struct Look {
    ProbeOutcome outcome{};
    Finding finding;
    Status read;
  };

  // All that was found so far are directories, so that what follows hardly is anything else.
  bool IsDirectory() const { return !out_.members.empty() || (out_.upper && S_ISDIR(out_.top.stx_mode)); }

  void ReadAhead(const LowerMember& member, const WantedRecords& wanted, bool to_read, Look* look) const {
    look->finding.found = Found::kDirectory;
    if (member.layer == lowers_.lowest) return;
    look->read = context_.records.Read(look->outcome.fd.get(), to_read, wanted, &look->finding);
  }

  // Gives the first member not taken.
  Result<size_t> TakeLooks(const std::vector<LowerMember>& members, size_t first,
                           const std::string& component, bool to_read, std::vector<Look> looks) {
    size_t i = first;
    LowerPath path;
    for (Look& look : looks) {
      if (fold_.done() || fold_.absolute() || fold_.path() != component) break;
      PLY_CHECK(look.read);
      if (i == first || !(members[i].path == members[i - 1].path)) path = members[i].path.Child(component);
      const Finding* known = look.finding.found == Found::kDirectory ? &look.finding : nullptr;
      PLY_CHECK(TakeMember(members[i], path, std::move(look.outcome), to_read, known));
      ++i;
    }
    return i;
  }

  // The next outcomes of a batch that is under way.
  Result<size_t> TakeBatch(const std::vector<LowerMember>& members, size_t first,
                           const std::string& component, bool to_read, ProbeBatch* batch) {
    std::vector<Look> looks;
    Look look;
    while (looks.size() < kWave && batch->Next(&look.outcome)) looks.push_back(std::exchange(look, Look()));
    const WantedRecords wanted = fold_.Wanted(Found::kDirectory);
    context_.side_by_side->ForEach(looks.size(), SideBySide::Waits::kMostly, [&](size_t i) {
      const ProbeOutcome& outcome = looks[i].outcome;
      if (outcome.error != 0 || !S_ISDIR(outcome.st.stx_mode)) return;
      AskedLayer::Note(members[first + i].layer);
      ReadAhead(members[first + i], wanted, to_read, &looks[i]);
    });
    return TakeLooks(members, first, component, to_read, std::move(looks));
  }

  // Directories in many layers, which answer from memory: looked at side by side, taken in their order.
  Result<size_t> AskSideBySide(const std::vector<LowerMember>& members, size_t first, size_t end,
                               const std::string& component) {
    std::vector<Look> looks(end - first);
    const WantedRecords wanted = fold_.Wanted(Found::kDirectory);
    context_.side_by_side->ForEach(looks.size(), SideBySide::Waits::kHardly, [&](size_t i) {
      const LowerMember& member = members[first + i];
      Look& look = looks[i];
      look.outcome = OutcomeOf(LayerOf(member).OpenAt(member.path.Child(component), kToRead));
      if (look.outcome.error == 0) ReadAhead(member, wanted, /*to_read=*/true, &look);
    });
    return TakeLooks(members, first, component, /*to_read=*/true, std::move(looks));
  }

  // Whether what is asked for next is opened for reading, as a directory's copy: where those above are
  // directories, so that it hardly is anything else, and nobody need wait for more than memory.
  bool ToBeRead(const LowerMember& next, size_t members) {
    if (!may_hold_ || !(IsDirectory() || lowers_.likely_directory)) return false;
    if (const FsPace* pace = LayerOf(next).pace(); pace && pace->slow()) return false;
    if (!out_.held.reserved()) context_.held->Reserve(members, &out_.held);
    return out_.held.room() > 0;
  }

  const Layer& LayerOf(const LowerMember& member) const { return context_.stack.lower(member.layer); }

  // Likewise, of the layers' indices, as far as they know.
  Result<size_t> AskIndices(const std::vector<LowerMember>& members, size_t first, size_t end,
                            const std::string& component) {
    size_t i = first;
    std::string dir;
    LowerPath path;
    for (; i < end && !fold_.done() && !fold_.absolute() && fold_.path() == component; ++i) {
      if (!LayerOf(members[i]).trusted_index()) break;
      if (i == first || !(members[i].path == members[i - 1].path)) {
        dir = members[i].path.ToString();
        path = members[i].path.Child(component);
      }
      std::optional<IndexFile::Answer> answer = AskIndex(LayerOf(members[i]), dir, component);
      if (!answer) break;
      BeginMember(members[i]);
      PLY_CHECK(fold_.BeginLayer(members[i].layer, members[i].layer == lowers_.lowest));
      Examined e = ExamineIndexed(context_.records, fold_, LayerOf(members[i]), *answer);
      PLY_CHECK(Take(members[i].layer, path, &e));
    }
    return i;
  }

  void BeginMember(const LowerMember& member) {
    next_ = member.layer + 1;
    ++out_.asked;
  }

  Status Take(LayerId layer, const LowerPath& path, Examined* e) {
    PLY_TRY(FoldStep step, fold_.Add(e->finding));
    NoteXwhiteouts(*e);
    Keep(step.role, layer, path, e);
    return OkStatus();
  }

  Status TakeMember(const LowerMember& member, const LowerPath& path, ProbeOutcome outcome, bool to_read,
                    const Finding* known = nullptr) {
    BeginMember(member);
    PLY_CHECK(fold_.BeginLayer(member.layer, member.layer == lowers_.lowest));
    // Something is mounted on the name: the layer knows how to look beneath (M10).
    bool once_more = outcome.error == EXDEV;
    if (to_read && outcome.error != 0 && outcome.error != ENOENT) {
      // No directory, or one that may not be read.
      may_hold_ = outcome.error == ENOTDIR;
      once_more = true;
      to_read = false;
    }
    const Layer& layer = LayerOf(member);
    if (once_more) outcome = OutcomeOf(layer.OpenAt(path, O_PATH));
    PLY_TRY(Examined e, Examine(context_.records, fold_, std::move(outcome), to_read, known));
    // The lowest has nothing below it to hide.
    if (member.layer != lowers_.lowest) PLY_CHECK(ReadWhiteoutNames(layer, path, &e));
    return Take(member.layer, path, &e);
  }

  Status AskFromRoot(LayerId id) {
    next_ = id + 1;
    ++out_.asked;
    PLY_CHECK(fold_.BeginLayer(id, next_ == context_.stack.lower_count()));
    const Layer& layer = context_.stack.lower(id);
    LowerPath path;
    for (;;) {
      const std::string component(fold_.component());
      std::optional<IndexFile::Answer> answer = AskIndex(layer, path.ToString(), component);
      path = path.Child(component);
      PLY_TRY(Examined e, answer ? Result<Examined>(ExamineIndexed(context_.records, fold_, layer, *answer))
                                 : Examine(context_.records, fold_, OutcomeOf(layer.OpenAt(path, O_PATH)),
                                           /*to_read=*/false));
      PLY_CHECK(ReadWhiteoutNames(layer, path, &e));
      PLY_TRY(FoldStep step, fold_.Add(e.finding));
      NoteXwhiteouts(e);
      Keep(step.role, id, path, &e);
      if (!step.descend) return OkStatus();
    }
  }

  void AddMember(LayerId layer, const LowerPath& path, UniqueFd copy) {
    out_.members.push_back(LowerMember{layer, path});
    out_.held.Add(std::move(copy));
  }

  void Keep(Role role, LayerId layer, const LowerPath& path, Examined* e) {
    const struct statx& st = e->st;
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
        out_.copies.Add(st);
        AddMember(layer, path, e->readable ? std::move(e->fd) : UniqueFd());
        break;
      case Role::kData:
        out_.data = LowerAnchor{layer, path, ObjectIdOf(st)};
        break;
      case Role::kComponent:
        out_.beside.push_back(LowerMember{layer, path});
        break;
      case Role::kNone:
      case Role::kMetadata:
        break;
    }
  }

  const ProbeContext& context_;
  const Name name_;
  const Lowers& lowers_;
  MergeFold fold_;
  bool may_hold_;
  bool warm_ = false;  // the last few were answered from memory
  LayerId next_ = 0;   // all above it have been asked, or need not be
  Probed out_;
};

}  // namespace

Result<Probed> ProbeName(const ProbeContext& context, int upper_dir, const Lowers& lowers, Name name) {
  if (context.records.read_whiteout_names() && IsWhiteoutName(name.bytes())) return Probed();
  Prober prober(context, name, lowers);
  if (upper_dir >= 0) PLY_CHECK(prober.AskUpper(upper_dir));
  PLY_CHECK(prober.AskLowers());
  return prober.Finish();
}

}  // namespace plyfs
