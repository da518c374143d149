// A whole program as a workload: its run is timed and the lines that it prints are counted.
#ifndef PLYFS_BENCH_CLIENT_PROGRAM_H_
#define PLYFS_BENCH_CLIENT_PROGRAM_H_

#include "bench/client/outcome.h"

namespace plyfs::bench {

// `words` ends with a null; words[0] is searched in PATH.  ops is the number of lines on its standard output
// (at least 1).  At the limit (0: none) the program and its children are killed.
Outcome RunProgram(char* const words[], std::chrono::nanoseconds limit);

}  // namespace plyfs::bench

#endif  // PLYFS_BENCH_CLIENT_PROGRAM_H_
