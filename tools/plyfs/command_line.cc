#include "tools/plyfs/command_line.h"

#include <utility>

#include "engine/format/option_text.h"

namespace plyfs::tool {
namespace {

class Parser {
 public:
  Parser(const std::vector<std::string>& argv, std::string* line) : argv_(argv), line_(line) {
    out_.program = ProgramByName(argv.empty() ? "plyfs" : argv[0]);
  }

  std::optional<CommandLine> Parse() {
    for (at_ = 1; at_ < argv_.size(); ++at_) {
      if (!Word(argv_[at_])) return std::nullopt;
      if (out_.action != CommandLine::Action::kMount) return std::move(out_);
    }
    if (positional_.empty()) {
      Fail("mountpoint: missing", "write plyfs -o lowerdir=TOP:...:BOTTOM[,upperdir=U,workdir=W] MOUNTPOINT");
      return std::nullopt;
    }
    out_.mountpoint = std::move(positional_.back());
    if (positional_.size() > 1) out_.source = std::move(positional_.front());
    return std::move(out_);
  }

 private:
  bool Fail(const std::string& what, const std::string& remedy) {
    *line_ = what + "; " + remedy;
    return false;
  }

  bool Positional(const std::string& word) {
    if (positional_.size() == 2)
      return Fail(Shown(word) + ": one word too many", "write [SOURCE] MOUNTPOINT");
    positional_.push_back(word);
    return true;
  }

  // The value of an option of one letter: the rest of its word or the next one.
  bool Value(const std::string& word, std::string* value) {
    if (word.size() > 2) {
      *value = word.substr(2);
      return true;
    }
    if (at_ + 1 == argv_.size()) return Fail(word + ": needs a value", "write it behind");
    *value = argv_[++at_];
    return true;
  }

  bool Word(const std::string& word) {
    if (only_positional_ || word.empty() || word[0] != '-' || word == "-") return Positional(word);
    if (word == "--") {
      only_positional_ = true;
      return true;
    }
    if (word.starts_with("-o")) {
      std::string text;
      if (!Value(word, &text)) return false;
      out_.option_texts.push_back(std::move(text));
      return true;
    }
    if (Common(word)) return true;
    return out_.program == Program::kMountHelper ? HelperWord(word) : OwnWord(word);
  }

  bool Common(const std::string& word) {
    if (word == "--help" || word == "-h") {
      out_.action = CommandLine::Action::kHelp;
    } else if (word == "--version" || word == "-V") {
      out_.action = CommandLine::Action::kVersion;
    } else if (word == "--strict") {
      out_.strict = true;
    } else {
      return false;
    }
    return true;
  }

  bool OwnWord(const std::string& word) {
    if (word == "-f") {
      out_.foreground = true;
    } else if (word == "-d" || word == "--debug") {
      out_.debug = true;
    } else if (word != "-s") {  // libfuse's "single-threaded"
      return Unknown(word);
    }
    return true;
  }

  // What mount(8) passes; letters may stand together.
  bool HelperWord(const std::string& word) {
    if (word.starts_with("-t") || word.starts_with("-N")) {
      std::string value;
      if (!Value(word, &value)) return false;
      if (word[1] == 'N') out_.mount_namespace = std::move(value);
      return true;
    }
    if (word[1] == '-') return Unknown(word);
    for (char letter : word.substr(1)) {
      switch (letter) {
        case 'n':
        case 'v':
          break;
        case 's':
          out_.sloppy = true;
          break;
        case 'f':
          out_.fake = true;
          break;
        case 'r':
          out_.option_texts.emplace_back("ro");
          break;
        case 'w':
          out_.option_texts.emplace_back("rw");
          break;
        default:
          return Unknown(word);
      }
    }
    return true;
  }

  bool Unknown(const std::string& word) {
    if (out_.program != Program::kFuseOverlayfs)
      return Fail(Shown(word) + ": no such option", "see plyfs --help");
    out_.warnings.push_back("unknown argument ignored: " + Shown(word));
    return true;
  }

  const std::vector<std::string>& argv_;
  std::string* line_;
  size_t at_ = 0;
  bool only_positional_ = false;
  std::vector<std::string> positional_;
  CommandLine out_;
};

}  // namespace

Program ProgramByName(std::string_view argv0) {
  std::string_view name = argv0.substr(argv0.rfind('/') + 1);
  if (name == "fuse-overlayfs") return Program::kFuseOverlayfs;
  if (name == "mount.plyfs" || name == "mount.fuse.plyfs") return Program::kMountHelper;
  return Program::kPlyfs;
}

const char* ProgramName(Program program) {
  return program == Program::kFuseOverlayfs ? "fuse-overlayfs" : "plyfs";
}

int MountFailure(Program program) {
  return program == Program::kMountHelper ? 32 : 1;
}

std::optional<CommandLine> ParseCommandLine(const std::vector<std::string>& argv, std::string* error_line) {
  return Parser(argv, error_line).Parse();
}

}  // namespace plyfs::tool
