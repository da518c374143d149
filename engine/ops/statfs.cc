#include <algorithm>

#include "engine/io/sys_stat.h"
#include "engine/ops/ops.h"

namespace plyfs::ops {

Result<StatFs> Statfs(Parts& parts) {
  const LayerStack& stack = *parts.stack;
  const Layer& top = stack.upper() ? *stack.upper() : stack.lower(0);
  PLY_TRY(struct statfs fs, sys::FStatFs(top.root()));
  StatFs out;
  out.blocks = fs.f_blocks;
  out.bfree = fs.f_bfree;
  out.bavail = fs.f_bavail;
  out.files = fs.f_files;
  out.ffree = fs.f_ffree;
  out.bsize = static_cast<uint32_t>(fs.f_bsize);
  out.frsize = static_cast<uint32_t>(fs.f_frsize);
  out.namelen = top.name_max();
  for (LayerId id = 0; id < stack.lower_count(); ++id) {
    out.namelen = std::max(out.namelen, stack.lower(id).name_max());  // S12
  }
  return out;
}

}  // namespace plyfs::ops
