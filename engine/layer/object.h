// From what statx tells to the engine's values.  Pure; any thread.
#ifndef PLYFS_ENGINE_LAYER_OBJECT_H_
#define PLYFS_ENGINE_LAYER_OBJECT_H_

#include <sys/stat.h>

#include "engine/format/anchor.h"
#include "engine/format/attr.h"
#include "engine/format/merge_rule.h"

namespace plyfs {

ObjectId ObjectIdOf(const struct statx& st);
// attr.ino is the layer's own number.
Attr AttrOf(const struct statx& st);
Found FoundOf(const struct statx& st);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_LAYER_OBJECT_H_
