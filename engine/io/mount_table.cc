#include "engine/io/mount_table.h"

#include <sys/sysmacros.h>

#include <charconv>
#include <cstdio>

#include "engine/io/proc_file.h"

namespace plyfs {

std::vector<std::string_view> SplitLine(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

namespace {

bool IsOctal(char c) {
  return c >= '0' && c <= '7';
}

}  // namespace

std::string UnescapeOctal(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<MountLine> ParseMountTable(std::string_view mountinfo) {
  // ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS
  constexpr size_t kMountpoint = 4, kOptions = 5;
  std::vector<MountLine> lines;
  for (std::string_view line : SplitLine(mountinfo, '\n')) {
    std::vector<std::string_view> fields = SplitLine(line, ' ');
    size_t dash = kOptions;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 3 >= fields.size()) continue;
    lines.push_back(MountLine{UnescapeOctal(fields[kMountpoint]), std::string(fields[kOptions]),
                              UnescapeOctal(fields[dash + 1]), UnescapeOctal(fields[dash + 2]),
                              std::string(fields[dash + 3])});
  }
  return lines;
}

std::vector<MountLine> ReadMountTable() {
  return ParseMountTable(ReadProcFile("/proc/self/mountinfo"));
}

pid_t FlockHolderIn(std::string_view proc_locks, dev_t dev, uint64_t ino) {
  // N: FLOCK ADVISORY WRITE PID MAJ:MIN:INO START END; who waits has "->" behind N: and holds nothing.
  char object[64];
  std::snprintf(object, sizeof object, "%02x:%02x:%llu", major(dev), minor(dev),
                static_cast<unsigned long long>(ino));
  for (std::string_view line : SplitLine(proc_locks, '\n')) {
    std::vector<std::string_view> words;
    for (std::string_view word : SplitLine(line, ' ')) {
      if (!word.empty()) words.push_back(word);
    }
    if (words.size() < 6 || words[1] != "FLOCK" || words[3] != "WRITE" || words[5] != object) continue;
    pid_t pid = 0;
    std::from_chars(words[4].data(), words[4].data() + words[4].size(), pid);
    if (pid > 0) return pid;
  }
  return 0;
}

pid_t FlockHolder(dev_t dev, uint64_t ino) {
  return FlockHolderIn(ReadProcFile("/proc/locks"), dev, ino);
}

}  // namespace plyfs
