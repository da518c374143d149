#include "tools/plyfs/help.h"

#include "fuse/session.h"

namespace plyfs::tool {
namespace {

constexpr char kHelp[] = R"(Usage: %s [-f] [-d] [-o OPTION[,OPTION...]]... [SOURCE] MOUNTPOINT

Merges read-only lower directories and one writable upper directory into one tree at MOUNTPOINT.

  -o OPTION,...       see below; may be repeated, the last value of an option counts
  -f                  stay in the foreground
  -d, --debug         -f, and show the options and each request on stderr
  --strict            refuse unknown options instead of ignoring them with a warning
  -V, --version       show the version
  -h, --help          show this help

Layers
  lowerdir=A:B:C      lower directories, A on top; `::D` adds data-only ones; \: \, \\ stand for themselves
  lowerdir=@FILE      the same from FILE (or descriptor number), one a line or NUL-separated, no escapes
  lowerdir+=DIR       one more lower below those before; datadir+=DIR one more data-only layer
  upperdir=DIR        takes all changes; without it the mount is read-only
  workdir=DIR         with upperdir: a private directory on the same mount
  @FILE               options from FILE, one a line or NUL-separated, no escapes

How layers are read and written (as kernel overlayfs)
  redirect_dir=on|follow|nofollow|off   renamed directories        metacopy=on|off   on: without upperdir only
  userxattr           keep records in user.overlay.*               uuid=auto|on|null|off
  xino=off|auto|on    (numbers are always stable)                  index=off  nfs_export=off  verity=off
  fsync=auto|strict|volatile|0|1, volatile, sync=0|1               what fsync and copy-up wait for
  lower=watch|frozen  frozen: lower directories never change while mounted
  index_dir=DIR       take layers' contents from the indices that `plyctl index` made there

Owners and attributes
  uidmapping=DISK:SEEN:LEN[:...]  gidmapping=...                   squash_to_root  squash_to_uid=N  squash_to_gid=N
  noacl  noxattrs=0|1  static_nlink  xattr_permissions=0  wh=auto|on|off

Serving
  timeout=SECONDS     how long the kernel may keep what it was told; 0: not at all
  merge_index=auto|on|off   look names up in merged listings: when it pays, always, never
  memory=SIZE         for merged listings (512M)
  threads=N  threaded=0|1  transport=auto|read|uring  io_uring=on|off  max_write=N  max_read=N
  sandbox=on|off      on: a daemon that is taken over reaches nothing but the layers; no io_uring
  debug  strict       as -d and --strict

Mounting
  allow_other  allow_root  auto_unmount  fsname=NAME  subtype=NAME  context=LABEL  label=LABEL
  remount             changes the flags below of the mount that is at MOUNTPOINT
  ro rw  suid nosuid  dev nodev  exec noexec  sync async dirsync  symfollow nosymfollow  lazytime nolazytime
  atime noatime  diratime nodiratime  relatime norelatime  strictatime nostrictatime
  private rprivate  shared rshared  slave rslave  unbindable runbindable

Accepted without effect, for callers that pass them
  of fuse-overlayfs   plugins=  writeback=0|1  fast_ino=0|1  fast_ino_check=0|1  ino32_t=0|1
  of libfuse          default_permissions  kernel_cache  [no_]splice_read  [no_]splice_write  [no_]splice_move
  of the kernel       override_creds  nooverride_creds  silent loud  mand nomand  iversion noiversion
  of mount(8)         defaults  auto noauto  nofail  user nouser users  owner  group  _netdev  comment=  x-*  X-*
                      user_id=  group_id=  fd=  rootmode=  blksize=  fscontext=  defcontext=  rootcontext=

Environment: PLYFS_LOG=FILE takes the log (otherwise syslog, or stderr with -f).
Exit status: 0 mounted and serving, 1 not mounted (as mount.plyfs: 1 wrong usage, 32 not mounted).
)";

}  // namespace

std::string HelpText(Program program) {
  std::string text = kHelp;
  return text.replace(text.find("%s"), 2, ProgramName(program));
}

std::string VersionText(Program program) {
  std::string text = program == Program::kFuseOverlayfs
                         ? std::string("fuse-overlayfs: version 1.16 (plyfs ") + PLYFS_VERSION + ")\n"
                         : std::string("plyfs: version ") + PLYFS_VERSION + "\n";
  // The libfuse whose fusermount3 and mount options this was built for; requests go past it.
  text += "FUSE library version " PLYFS_LIBFUSE_VERSION "\n";
  text +=
      "using FUSE kernel interface version 7." + std::to_string(fuse::SessionOptions().protocol_minor) + "\n";
  return text;
}

}  // namespace plyfs::tool
