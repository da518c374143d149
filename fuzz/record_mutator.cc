// libFuzzer's hooks of the targets whose bytes are records.
#include "fuzz/record_mutator.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return plyfs::fuzz::MutateRecords(data, size, max_size, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* one, size_t one_size, const uint8_t* two,
                                            size_t two_size, uint8_t* out, size_t max_size, unsigned seed) {
  return plyfs::fuzz::SpliceRecords({one, one_size}, {two, two_size}, {out, max_size}, seed);
}
