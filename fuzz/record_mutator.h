// Mutating inputs that are lists of records: a header and any number of records of eight bytes.
//
// Pure functions for LLVMFuzzerCustomMutator and LLVMFuzzerCustomCrossOver; what they answer is the new size.
#ifndef PLYFS_FUZZ_RECORD_MUTATOR_H_
#define PLYFS_FUZZ_RECORD_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>

namespace plyfs::fuzz {

inline constexpr size_t kRecordSize = 8;

// The records of an input, the header being the first.
class RecordList {
 public:
  RecordList(std::span<const uint8_t> bytes, unsigned seed)
      : bytes_(bytes.begin(), bytes.end()), dice_(seed) {
    bytes_.resize(std::max<size_t>(bytes_.size() / kRecordSize, 1) * kRecordSize, 0);
  }
  size_t size() const { return bytes_.size() / kRecordSize; }
  size_t Below(size_t n) { return dice_() % n; }
  // A place among the records, not the header.
  size_t Place() { return 1 + Below(size()); }
  size_t Record() { return 1 + Below(size() - 1); }
  std::string Get(size_t from, size_t n) const { return bytes_.substr(from * kRecordSize, n * kRecordSize); }
  std::string Random() {
    std::string record(kRecordSize, '\0');
    for (char& byte : record) byte = static_cast<char>(dice_());
    return record;
  }
  void Insert(size_t at, const std::string& records) { bytes_.insert(at * kRecordSize, records); }
  void Remove(size_t at, size_t n) { bytes_.erase(at * kRecordSize, n * kRecordSize); }
  void Swap(size_t a, size_t b) {
    for (size_t i = 0; i < kRecordSize; ++i)
      std::swap(bytes_[a * kRecordSize + i], bytes_[b * kRecordSize + i]);
  }
  char& At(size_t record, size_t field) { return bytes_[record * kRecordSize + field]; }
  size_t Write(std::span<uint8_t> out) const {
    const size_t n = std::min(bytes_.size(), out.size() / kRecordSize * kRecordSize);
    std::memcpy(out.data(), bytes_.data(), n);
    return n;
  }

 private:
  std::string bytes_;
  std::minstd_rand dice_;
};

inline void MutateOnce(RecordList& list) {
  const size_t what = list.Below(12);
  if (what == 0) {
    list.At(0, list.Below(kRecordSize)) = static_cast<char>(list.Below(256));
  } else if (what <= 3 || list.size() < 3) {
    list.Insert(list.Place(), list.Random());
  } else if (what == 4) {
    list.Remove(list.Record(), 1);
  } else if (what == 5) {
    list.Swap(list.Record(), list.Record());
  } else if (what == 6) {
    list.Insert(list.Place(), list.Get(list.Record(), 1));
  } else if (what == 7) {
    // Another operation on the paths of this one: things are to meet.
    const size_t from = list.Record(), to = list.Record();
    for (size_t field : {2, 3}) list.At(to, field) = list.At(from, 2 + list.Below(2));
  } else {
    list.At(list.Record(), list.Below(kRecordSize)) = static_cast<char>(list.Below(256));
  }
}

inline size_t MutateRecords(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  RecordList list({data, size}, seed);
  for (size_t left = 1 + list.Below(4); left > 0; --left) MutateOnce(list);
  return list.Write({data, max_size});
}

// The first's header and a part of its records, then a part of the second's.
inline size_t SpliceRecords(std::span<const uint8_t> one, std::span<const uint8_t> two,
                            std::span<uint8_t> out, unsigned seed) {
  RecordList first(one, seed), second(two, seed);
  const size_t keep = first.Place(), from = second.Place();
  first.Remove(keep, first.size() - keep);
  first.Insert(keep, second.Get(from, second.size() - from));
  return first.Write(out);
}

}  // namespace plyfs::fuzz

#endif  // PLYFS_FUZZ_RECORD_MUTATOR_H_
