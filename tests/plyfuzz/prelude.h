// What every printed script begins with: the text of prelude.sh.
#ifndef PLYFS_TESTS_PLYFUZZ_PRELUDE_H_
#define PLYFS_TESTS_PLYFUZZ_PRELUDE_H_

namespace plyfs::fuzz {

extern const char kPrelude[];

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_PRELUDE_H_
