// What a layer's index says, in the terms in which the layer itself answers.  Any thread.
#ifndef PLYFS_ENGINE_LAYER_INDEXED_H_
#define PLYFS_ENGINE_LAYER_INDEXED_H_

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/format/layer_index_block.h"
#include "engine/format/merge_rule.h"
#include "engine/layer/records.h"
#include "engine/layer/scan.h"

namespace plyfs {

// As statx would tell of the object on that device.
struct statx StatOf(const IndexEntryView& entry, uint64_t device);
// As Records::Read would fill it in.
void ReadRecords(const IndexEntryView& entry, const XattrNames& names, const WantedRecords& wanted,
                 Finding* finding);
// As ScanDirectory would show it.  `xwhiteouts`: the directory may hold xattr whiteouts.
ScannedEntry ScannedOf(const IndexEntryView& entry, const XattrNames& names, bool xwhiteouts);
// Whether the directory says so of itself (opaque=x).
bool HasXwhiteouts(const IndexEntryView& dir, const XattrNames& names);
// Whether the object has no extended attribute at all.
bool HasNoXattrs(const IndexEntryView& entry);
// Whether the layer would answer ENODATA for an attribute of an object that has none, and nothing else.
// `acls`: its filesystem has POSIX ACLs.
bool IsPlainlyMissing(std::string_view xattr, uint32_t mode, bool acls);

// What the layer's index has at the name, where that may be believed; nothing: ask the layer.
std::optional<IndexFile::Answer> AskIndex(const Layer& layer, std::string_view dir, std::string_view name);
// A lower object's entry in its layer's index, where that may be believed; nothing: ask the layer.
std::optional<IndexFile::Held> FindIndexed(const LayerStack& stack, const LowerAnchor& anchor);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_INDEXED_H_
