// bench_client: the timed loops of `tools/dev bench`, which calls it once a measurement.  A loop in Python
// costs as much as what is to be measured.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bench/client/loops.h"
#include "bench/client/program.h"
#include "bench/client/walk.h"

namespace plyfs::bench {
namespace {

constexpr char kHelp[] =
    R"(usage: bench_client [--dir DIR] [--threads N] [--passes N] [--limit SECONDS] COMMAND

  stat LIST     attributes of each name       absent LIST   the same; each must be absent
  list LIST     each directory, to its end    read LIST     open, read to the end, close
  create LIST   open O_CREAT|O_EXCL, close, unlink
  append LIST   open, write a byte, close
  walk LIST     list and stat all below each name, --threads of them at a time
  run -- PROGRAM [ARG...]   a program, by the lines that it prints

LIST is a file with a name a line, relative to DIR.  Prints one line of JSON: time, operations, whether the
limit cut it short.  Ends with status 1 if an operation failed.
)";

struct Arguments {
  LoopPlan plan;
  std::string command, list;
  char* const* program = nullptr;
  const char* dir = nullptr;
};

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "bench_client: %s\n", why.c_str());
  std::exit(1);
}

std::vector<std::string> ReadList(const std::string& path) {
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) Fail(path + ": " + std::strerror(errno));
  std::vector<std::string> names;
  char* line = nullptr;
  size_t room = 0;
  for (ssize_t got = 0; (got = ::getline(&line, &room, file)) > 0;) {
    if (line[got - 1] == '\n') --got;
    names.emplace_back(line, static_cast<size_t>(got));
  }
  std::free(line);
  std::fclose(file);
  return names;
}

// The option's value; moves *at to it.
const char* ValueOf(char** argv, int* at) {
  if (argv[*at + 1] == nullptr) Fail(std::string(argv[*at]) + " wants a value");
  return argv[++*at];
}

Arguments Parse(char** argv) {
  Arguments args;
  int at = 1;
  for (; argv[at] != nullptr && argv[at][0] == '-'; ++at) {
    const std::string option = argv[at];
    if (option == "--help") {
      std::fputs(kHelp, stdout);
      std::exit(0);
    } else if (option == "--dir") {
      args.dir = ValueOf(argv, &at);
    } else if (option == "--threads") {
      args.plan.threads = std::max(1, std::atoi(ValueOf(argv, &at)));
    } else if (option == "--passes") {
      args.plan.passes = std::max(1, std::atoi(ValueOf(argv, &at)));
    } else if (option == "--limit") {
      args.plan.limit = std::chrono::nanoseconds(static_cast<int64_t>(std::atof(ValueOf(argv, &at)) * 1e9));
    } else {
      Fail("unknown option " + option);
    }
  }
  if (argv[at] == nullptr || argv[at + 1] == nullptr) Fail("no command; see --help");
  args.command = argv[at];
  args.list = argv[at + 1];
  if (args.command == "run") args.program = argv + at + 2;
  return args;
}

uint64_t CpuNs(int who) {
  rusage used;
  ::getrusage(who, &used);
  const auto ns = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_usec) * 1'000;
  };
  return ns(used.ru_utime) + ns(used.ru_stime);
}

Outcome RunCommand(const Arguments& args) {
  if (args.command == "run") return RunProgram(args.program, args.plan.limit);
  if (args.command == "walk") return Walk(args.plan.names, args.plan.threads);
  const auto outcome = RunLoop(args.command, args.plan);
  if (!outcome) Fail("unknown command " + args.command);
  return *outcome;
}

Outcome Run(const Arguments& args) {
  const int who = args.program != nullptr ? RUSAGE_CHILDREN : RUSAGE_SELF;
  const uint64_t before = CpuNs(who);
  Outcome outcome = RunCommand(args);
  outcome.cpu_ns = CpuNs(who) - before;
  return outcome;
}

int Main(char** argv) {
  Arguments args = Parse(argv);
  if (args.program == nullptr) args.plan.names = ReadList(args.list);
  if (args.dir != nullptr && ::chdir(args.dir) != 0) {
    Fail(std::string(args.dir) + ": " + std::strerror(errno));
  }
  const Outcome outcome = Run(args);
  if (!outcome.error.empty()) Fail(outcome.error);
  std::printf("{\"ns\": %" PRIu64 ", \"client_cpu_ns\": %" PRIu64 ", \"ops\": %" PRIu64
              ", \"entries\": %" PRIu64 ", \"cut\": %s}\n",
              outcome.ns, outcome.cpu_ns, outcome.ops, outcome.entries, outcome.cut ? "true" : "false");
  return 0;
}

}  // namespace
}  // namespace plyfs::bench

int main(int, char** argv) {
  return plyfs::bench::Main(argv);
}
