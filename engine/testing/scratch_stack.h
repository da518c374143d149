// ScratchStack: directories in /dev/shm, or where it is told, for the layers of one case after another.
//
// Owned by a run of one input; one thread; needs root.  The directories are made once a process and emptied
// for each case; the process's end leaves them empty.
#ifndef PLYFS_ENGINE_TESTING_SCRATCH_STACK_H_
#define PLYFS_ENGINE_TESTING_SCRATCH_STACK_H_

#include <string>

#include "engine/format/stack_config.h"
#include "engine/testing/overlay_case.h"

namespace plyfs::model {

class ScratchStack {
 public:
  ScratchStack();
  // In an empty directory that is the caller's.
  explicit ScratchStack(std::string base) : base_(std::move(base)) {}
  ~ScratchStack();
  Status Write(const Case& c);
  // `settings`: what must change no answer: where names are looked up, memory, io_uring, syncing, watching,
  // indices, empty layers.
  StackConfig ConfigOf(const Case& c, uint8_t settings) const;
  // EUCLEAN: something was changed in a lower.
  Status CheckLowers(const Case& c) const;
  // What W/work holds but whiteouts.
  std::string LeftInWork() const;
  std::string upper() const { return base_ + "/upper"; }
  std::string work() const { return base_ + "/work"; }
  std::string mountpoint() const { return base_ + "/mount"; }  // an empty directory
  std::string Lower(size_t i) const { return base_ + "/lower" + std::to_string(i + 1); }

 private:
  void AddEmptyLowers(StackConfig* config) const;
  void WriteIndices(StackConfig* config) const;

  const std::string base_;
};

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_SCRATCH_STACK_H_
