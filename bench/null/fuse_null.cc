// fuse_null MOUNTPOINT: plyfs's own decoder and transport over constant replies.  The difference to plyfs is
// the engine, the difference to null_loop is the room `fuse`.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "bench/null/background.h"
#include "engine/union_fs/union_fs.h"
#include "fuse/mount.h"
#include "fuse/session.h"

int main(int count, char** words) {
  using namespace plyfs;
  if (count != 2) return std::fprintf(stderr, "usage: fuse_null MOUNTPOINT\n"), 1;
  bench::Background background;
  std::string line;
  const auto fs = UnionFs::Open(StackConfig(), &line);
  fuse::MountSpec spec;
  spec.mountpoint = words[1];
  spec.source = spec.subtype = "fuse_null";
  fuse::Session* session = nullptr;
  const auto mount = fuse::Mount::Create(
      spec,
      [&](int fd) {
        session = new fuse::Session(fd, **fs, fuse::SessionOptions());
        return session->Start();
      },
      &line);
  if (!mount.ok()) return std::fprintf(stderr, "fuse_null: %s\n", line.c_str()), 1;
  background.Ready();
  session->Wait();
  ::_exit(0);
}
