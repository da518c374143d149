#include "engine/format/mode_rules.h"

#include <sys/stat.h>

namespace plyfs {
namespace {

uint32_t DropSetIds(uint32_t mode, bool in_group) {
  // Without group execution the bit is not one that grants anything, and an owner outside of the group may
  // not give it.
  if ((mode & S_IXGRP) || !in_group) mode &= ~static_cast<uint32_t>(S_ISGID);
  return mode & ~static_cast<uint32_t>(S_ISUID);
}

}  // namespace

uint32_t ModeAfterWrite(uint32_t mode, bool in_group) {
  return S_ISREG(mode) ? DropSetIds(mode, in_group) : mode;
}

uint32_t ModeAfterChown(uint32_t mode, bool in_group) {
  return S_ISDIR(mode) ? mode : DropSetIds(mode, in_group);
}

uint32_t ModeAfterChmod(uint32_t mode, uint32_t wanted, bool in_group) {
  const uint32_t allowed = in_group ? 07777 : 07777 & ~static_cast<uint32_t>(S_ISGID);
  return (mode & S_IFMT) | (wanted & allowed);
}

NewOwner OwnerOfNew(uint32_t mode, uint32_t caller_gid, uint32_t dir_mode, uint32_t dir_gid, bool in_group) {
  if (!(dir_mode & S_ISGID)) return {mode, caller_gid};
  if (S_ISDIR(mode)) return {mode | S_ISGID, dir_gid};
  constexpr uint32_t kGrants = S_ISGID | S_IXGRP;
  if ((mode & kGrants) == kGrants && !in_group) mode &= ~static_cast<uint32_t>(S_ISGID);
  return {mode, dir_gid};
}

}  // namespace plyfs
