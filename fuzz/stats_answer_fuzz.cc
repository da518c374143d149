// What plyctl prints of the answer to the stats ioctl, which may come from anyone's mount.
//
// unit: tools/plyctl/stats_table.cc
#include "fuzz/input.h"
#include "tools/plyctl/stats_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plyfs::fuzz::Require;
  const std::string answer(plyfs::fuzz::Input(data, size).Rest());
  const std::string table = plyfs::tool::StatsTable(answer);
  Require(table.empty() || table.back() == '\n');
  for (const char c : table) {
    const auto byte = static_cast<unsigned char>(c);
    Require(c == '\n' || (byte >= 0x20 && byte != 0x7f));  // nothing that a terminal obeys
  }
  return 0;
}
