// Mount options: from the words behind -o to the stack, the mount and the session that they ask for.
//
// The syntax of kernel overlayfs, of fuse-overlayfs, of mount(8) and plyfs' own words; conflicts and defaults
// of semantics M23, M24 and the drop-in contract.  Pure: files that an option names (@FILE) are read through
// a callback.  Values; any thread.
#ifndef PLYFS_ENGINE_FORMAT_MOUNT_OPTIONS_H_
#define PLYFS_ENGINE_FORMAT_MOUNT_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/mount_flags.h"
#include "engine/format/option_text.h"
#include "engine/format/stack_config.h"

namespace plyfs {

// Which program we are taken for; kFuseOverlayfs by the name it was called by.
enum class Personality { kPlyfs, kFuseOverlayfs };

enum class TransportChoice { kAuto, kRead, kUring };

// What the outcome depends on besides the words.
struct OptionContext {
  Personality personality = Personality::kPlyfs;
  bool root = true;     // effective uid 0: allow_other by default
  bool trusted = true;  // CAP_SYS_ADMIN in the initial user namespace; without it userxattr (M20)
  // The text behind `@NAME`.
  std::function<Result<std::string>(std::string_view name)> read_list;
};

struct MountWish {
  MountFlags flags;
  std::string fsname;   // empty: not given
  std::string subtype;  // empty: not given
  bool allow_other = false;
  bool allow_root = false;
  bool auto_unmount = false;
  uint32_t max_read = 0;        // bytes, 0: not given
  std::string selinux_context;  // empty: not given
};

struct ServeWish {
  int threads = 0;        // 0: not given
  double timeout_s = -1;  // < 0: not given
  bool posix_acl = true;
  bool debug = false;
  bool sandbox = false;    // the daemon confines itself
  uint32_t max_write = 0;  // bytes, 0: not given
  TransportChoice transport = TransportChoice::kAuto;
  std::vector<IdMapRange> uid_map, gid_map;
  int64_t squash_uid = -1, squash_gid = -1;  // -1: no
};

struct ParsedOptions {
  StackConfig stack;  // paths as given
  MountWish mount;
  ServeWish serve;
  bool remount = false;  // nothing but mount.flags counts
  // The directory options as they stood in the option string, escapes and all, for their second reading;
  // empty where they need none (given by @FILE or lowerdir+=).
  std::string lowerdir_text, upperdir_text, workdir_text;
  std::vector<std::string> warnings;  // for stderr, even on success
  std::vector<std::string> notes;     // for the log
};

// `texts`: the arguments of -o in order; a later value of a key wins.  On failure *error_line is
// "OPTION VALUE: cause; remedy", without the program's name and of one line.
// `strict`: unknown options are errors (as the option of that name).
Result<ParsedOptions> ParseMountOptions(const std::vector<std::string>& texts, bool strict,
                                        const OptionContext& context, std::string* error_line);

// Every option that is understood, for completion and tests: "key" or "key=".
std::vector<std::string> KnownOptions();

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_MOUNT_OPTIONS_H_
