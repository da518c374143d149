#include "fuse/exchange.h"

#include <algorithm>

namespace plyfs::fuse {

Caller Exchange::caller(uint32_t umask) const {
  const wire::InHeader& from = message_.header;
  Caller caller;
  caller.uid = ids().uid.Maker(from.uid);
  caller.gid = ids().gid.Maker(from.gid);
  caller.pid = static_cast<pid_t>(from.pid);
  caller.umask = umask & 0777;
  if (message_.supplementary_gid) caller.supplementary_gid = ids().gid.Maker(*message_.supplementary_gid);
  return caller;
}

std::span<char> Exchange::Room(size_t most) const {
  return room_.subspan(used_, std::min(most, room_.size() - used_));
}

void Exchange::PutBytes(std::string_view bytes) {
  const std::span<char> room = Room(bytes.size());
  std::memcpy(room.data(), bytes.data(), room.size());
  used_ += room.size();
}

}  // namespace plyfs::fuse
