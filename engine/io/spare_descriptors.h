// SpareDescriptors: who keeps descriptors that could be opened again, and gives them up where the process has
// none left for a call that needs one.
//
// A member of whoever keeps them, the last one.  Descriptors are the process's, so all of its mounts are
// asked.  Any thread.
#ifndef PLYFS_ENGINE_IO_SPARE_DESCRIPTORS_H_
#define PLYFS_ENGINE_IO_SPARE_DESCRIPTORS_H_

namespace plyfs {

class SpareDescriptors {
 public:
  using GiveUp = void (*)(void* keeper);
  // kLast: only where what others gave up was not enough.
  enum class Turn { kFirst, kLast };

  // give_up(keeper) may come at any time from a thread that holds no lock, until this is gone.
  SpareDescriptors(void* keeper, GiveUp give_up, Turn turn = Turn::kFirst);
  ~SpareDescriptors();
  SpareDescriptors(const SpareDescriptors&) = delete;
  SpareDescriptors& operator=(const SpareDescriptors&) = delete;

 private:
  int place_;  // -1: all are taken, so it is never asked
};

namespace sys {

// For a call that found none: whether it may be worth trying again, `attempt` counting from 0.  Has what is
// spare given up first, and then waits for what others have for their requests, a quarter of a second in all.
bool MakeRoomForDescriptors(int attempt);

}  // namespace sys
}  // namespace plyfs

#endif  // PLYFS_ENGINE_IO_SPARE_DESCRIPTORS_H_
