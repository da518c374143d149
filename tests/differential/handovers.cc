#include "tests/differential/handovers.h"

#include <cstdio>

namespace plyfs::diff {

void HandOvers::Add(const std::string& log) {
  static constexpr char kBegin[] = "requests answered: ";
  for (size_t at = log.find(kBegin); at != std::string::npos; at = log.find(kBegin, at + 1)) {
    unsigned long long answered = 0, handed_over = 0;
    if (sscanf(log.c_str() + at, "requests answered: %llu, by another thread: %llu", &answered,
               &handed_over) != 2)
      continue;
    answered_ += answered;
    handed_over_ += handed_over;
  }
}

std::string HandOvers::Text() const {
  if (answered_ == 0) return "hand-overs: not counted (no debug build)";
  return "hand-overs: " + std::to_string(handed_over_) + " of " + std::to_string(answered_) +
         " requests were answered by another thread than read them";
}

}  // namespace plyfs::diff
