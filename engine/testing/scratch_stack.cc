#include "engine/testing/scratch_stack.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "engine/layer/index_file.h"
#include "engine/layer/index_writer.h"
#include "engine/testing/layer_on_disk.h"

namespace plyfs::model {
namespace {

// One a process, taken away at its end; a killed one's stays.
const std::string& Base() {
  static const std::string base = [] {
    std::string dir = "/dev/shm/plyfs_fuzz_XXXXXX";
    if (::mkdtemp(dir.data()) == nullptr) std::perror("/dev/shm"), std::exit(1);
    ::umask(0);
    return dir;
  }();
  static const bool registered = std::atexit([] {
                                   ClearDirectory(Base());
                                   ::rmdir(Base().c_str());
                                 }) == 0;
  (void)registered;
  return base;
}

void MakeFresh(const std::string& dir) {
  ClearDirectory(dir);
  ::rmdir(dir.c_str());
  ::mkdir(dir.c_str(), 0755);
}

}  // namespace

ScratchStack::ScratchStack() : base_(Base()) {}

ScratchStack::~ScratchStack() {
  ClearDirectory(base_);
}

Status ScratchStack::Write(const Case& c) {
  for (size_t i = 0; i < c.lowers.size(); ++i) {
    MakeFresh(Lower(i));
    PLY_CHECK(WriteLayer(c.lowers[i], Lower(i)));
  }
  MakeFresh(upper());
  MakeFresh(work());
  MakeFresh(mountpoint());
  return c.upper ? WriteLayer(c.upper, upper()) : OkStatus();
}

StackConfig ScratchStack::ConfigOf(const Case& c, uint8_t settings) const {
  static constexpr RedirectDir kRedirects[] = {RedirectDir::kFollow, RedirectDir::kFollow,
                                               RedirectDir::kNoFollow, RedirectDir::kOn};
  static constexpr MergeIndex kIndices[] = {MergeIndex::kAuto, MergeIndex::kOn, MergeIndex::kOff,
                                            MergeIndex::kAuto};
  StackConfig config;
  for (size_t i = 0; i < c.lowers.size(); ++i) config.lowerdirs.push_back(Lower(i));
  if (c.upper) {
    config.upperdir = upper();
    config.workdir = work();
  }
  config.redirect_dir = kRedirects[static_cast<int>(c.options.redirect_dir)];
  config.userxattr = c.options.userxattr;
  config.opaque_mkdir = c.options.opaque_mkdir;
  config.lower = (settings & 24) == 16 ? LowerMode::kWatch : LowerMode::kFrozen;
  config.merge_index = kIndices[settings % 4];
  if (settings & 4) config.memory_bytes = 2000;
  config.use_io_uring = (settings & 24) == 24;
  config.fsync = (settings & 24) == 8 ? FsyncPolicy::kStrict : FsyncPolicy::kAuto;
  if ((settings & 96) == 32) WriteIndices(&config);
  if ((settings & 96) == 96) AddEmptyLowers(&config);
  return config;
}

// More than are asked for a name without a thought; on top, since what the lowest says of merging is not read
// (L8).
void ScratchStack::AddEmptyLowers(StackConfig* config) const {
  constexpr int kMany = 9;
  for (int i = 0; i < kMany; ++i) {
    const std::string empty = base_ + "/empty" + std::to_string(i);
    MakeFresh(empty);
    config->lowerdirs.insert(config->lowerdirs.begin(), empty);
  }
}

// What the layers hold is taken from their indices.
void ScratchStack::WriteIndices(StackConfig* config) const {
  const std::string folder = base_ + "/indices";
  MakeFresh(folder);
  std::string why;
  Result<UniqueFd> fd = OpenIndexFolder(folder, &why);
  bool written = fd.ok();
  for (const std::string& lower : config->lowerdirs) {
    written = written && WriteLayerIndex(lower, fd->get(), [](const IndexProgress&) {}, &why).ok();
  }
  if (!written) std::fprintf(stderr, "indices: %s\n", why.c_str()), std::abort();
  config->index_dir = folder;
}

Status ScratchStack::CheckLowers(const Case& c) const {
  for (size_t i = 0; i < c.lowers.size(); ++i) {
    PLY_TRY(Ref now, ReadLayer(Lower(i)));
    if (LayerText(now) != LayerText(c.lowers[i])) return Errno(EUCLEAN);
  }
  return OkStatus();
}

std::string ScratchStack::LeftInWork() const {
  Result<Ref> there = ReadLayer(work());
  if (!there.ok()) return "work cannot be read";
  for (const auto& [path, text] : LayerText(*there)) {
    if (!path.empty() && path != "work" && text != "whiteout") return path + ": " + text;
  }
  return "";
}

}  // namespace plyfs::model
