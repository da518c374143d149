// What probe.h says of single names of the layers, beside the merge.
#include <fcntl.h>

#include "engine/format/whiteout_names.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/examine.h"
#include "engine/layer/indexed.h"
#include "engine/layer/object.h"
#include "engine/layer/probe.h"

namespace plyfs {

Result<bool> LowerPositive(const ProbeContext& context, const std::vector<LowerMember>& members, Name name) {
  for (const LowerMember& member : members) {
    const Layer& layer = context.stack.lower(member.layer);
    if (auto answer = AskIndex(layer, member.path.ToString(), name.bytes())) {
      if (!answer->held) continue;
      const IndexEntryView& entry = answer->held->entry;
      return !ScannedOf(entry, context.records.names(), /*xwhiteouts=*/true).whiteout;
    }
    Result<UniqueFd> fd = layer.OpenAt(member.path.Child(name.bytes()), O_PATH);
    PLY_TRY(bool there, IsThere(fd));
    if (!there) {
      if (!context.records.read_whiteout_names()) continue;
      PLY_TRY(bool hidden, IsThere(layer.OpenAt(member.path.Child(WhiteoutNameOf(name.bytes())), O_PATH)));
      if (hidden) return false;
      continue;
    }
    PLY_TRY(struct statx st, sys::StatxFd(fd->get()));
    Finding finding;
    finding.found = FoundOf(st);
    WantedRecords wanted;
    wanted.whiteout = finding.found == Found::kEmptyRegular;
    PLY_CHECK(context.records.Read(fd->get(), /*opened=*/false, wanted, &finding));
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
