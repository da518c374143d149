// Operations about the mount itself: forget, statfs, ioctl, destroy.  INIT is init.cc, INTERRUPT
// in_flight.cc.
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/format/stats_ioctl.h"
#include "fuse/handlers.h"

namespace plyfs::fuse {

Status HandleForget(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::ForgetIn>());
  x.fs().Forget(x.node(), args.nlookup);
  return OkStatus();
}

Status HandleBatchForget(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::BatchForgetIn>());
  for (uint32_t i = 0; i < args.count; ++i) {
    PLY_TRY(const auto one, x.in.Fixed<wire::ForgetOne>());
    x.fs().Forget(one.nodeid, one.nlookup);
  }
  return OkStatus();
}

Status HandleStatFs(Exchange& x) {
  PLY_TRY(const auto stat, x.fs().Statfs(x.node()));
  x.Put(Encoder::StatFs(stat));
  return OkStatus();
}

namespace {

// For root and for who mounted it.
Status PutStats(Exchange& x) {
  if (x.header().uid != 0 && x.header().uid != ::geteuid()) return Errno(EPERM);
  const HandOvers& hand_overs = *x.connection().hand_overs;
  std::vector<Stat> stats{{"requests", hand_overs.answered()},
                          {"requests_handed_over", hand_overs.by_another()}};
  for (const Stat& stat : x.fs().Stats()) stats.push_back(stat);
  std::string text;
  for (const Stat& stat : stats) text += std::string(stat.name) + ' ' + std::to_string(stat.value) + '\n';
  text.resize(kStatsSize);
  x.Put(wire::IoctlOut{});
  x.PutBytes(text);
  return OkStatus();
}

}  // namespace

Status HandleIoctl(Exchange& x) {
  PLY_TRY(const auto args, x.in.Fixed<wire::IoctlIn>());
  if (args.cmd == kStatsIoctl && args.out_size == kStatsSize) return PutStats(x);
  PLY_TRY(const auto data, x.in.Bytes(args.in_size));
  PLY_TRY(const std::string out,
          x.fs().Ioctl(x.caller(), x.node(), args.fh, args.cmd, {data.data(), data.size()}, args.out_size));
  x.Put(wire::IoctlOut{});
  x.PutBytes(std::string_view(out).substr(0, args.out_size));
  return OkStatus();
}

// Never sent to a mount of type fuse (fs/fuse/inode.c:fuse_conn_destroy); durability does not hang on it.
Status HandleDestroy(Exchange& x) {
  return OkStatus();
}

}  // namespace plyfs::fuse
