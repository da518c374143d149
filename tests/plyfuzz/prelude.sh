# ---- from here to the layers the same in every script ----------------------------------------------------
usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
  exit 1
}

if [ "$1" = --diff ]; then
  [ $# = 3 ] || usage
  seen=$(mktemp -d) || exit 1
  sh "$0" "$2" "$3" >"$seen/1" && sh "$0" "$3" "$2" >"$seen/2" || { rm -r "$seen"; exit 1; }
  if diff -U 2 --label "$2" --label "$3" "$seen/1" "$seen/2"; then
    echo "no difference"
    rm -r "$seen"
    exit 0
  fi
  rm -r "$seen"
  exit 2
fi

[ $# = 1 ] || [ $# = 2 ] || usage
[ "$(id -u)" = 0 ] || { echo "$0: needs root: layers hold devices and trusted xattrs" >&2; exit 1; }
for tool in setfattr getfattr mountpoint setpriv; do
  command -v $tool >/dev/null || { echo "$0: needs $tool" >&2; exit 1; }
done
export LC_ALL=C
umask 0
unset EXACT clients OWN_FS AGAINST_MODEL NO_UPPER PYTHON FORMAT MTIME ATIME BIRTH INODES LIST_NUMBERS XATTRS xattrs
T=$(mktemp -d "${DIR:-.}/plyfuzz.XXXXXX") && T=$(cd "$T" && pwd) && chmod 755 "$T" || exit 1
M=$T/merged
FIRST=$1 SECOND=${2-$1} NOW=$1 PID= n=0 START=$(date +%s)
mkdir "$M" "$T/u" "$T/w"

finish() {
  [ -z "$PYTHON" ] || { exec 8>&-; wait "$PYTHON"; }
  mountpoint -q "$M" && { umount "$M" || umount -l "$M"; }
  [ -z "$PID" ] || wait "$PID"
  [ -z "$OWN_FS" ] || umount "$T" || umount -l "$T"
  rm -rf "$T" "$T.img"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP PIPE

# In a script against the model "model" is one that answers as the model does, and mounts nothing.
is_model() { [ -n "$AGAINST_MODEL" ] && [ "$NOW" = model ]; }

# Mounts by $NOW: "kernel", or what is called as PROGRAM -o OPTIONS MOUNTPOINT.
begin() {
  ! is_model || return 0
  layers=lowerdir=$LOWERS
  [ -n "$NO_UPPER" ] || layers=$layers,upperdir=$T/u,workdir=$T/w
  PID=
  if [ "$NOW" = kernel ]; then
    mount -t overlay overlay -o "$layers${KERNEL_OPTIONS:+,$KERNEL_OPTIONS}" "$M" 2>"$T/log" && return
  else
    $NOW -o "$layers${PROGRAM_OPTIONS:+,$PROGRAM_OPTIONS}" "$M" >"$T/log" 2>&1 8>&- 9<&- &
    PID=$! waited=0
    while [ $waited -lt 200 ]; do
      mountpoint -q "$M" && return
      kill -0 "$PID" 2>/dev/null || waited=$((waited + 20))
      sleep 0.05
      waited=$((waited + 1))
    done
  fi
  cat "$T/log" >&2
  echo "mount: failed"
  exit 0
}

end() {
  ! is_model || return 0
  [ -z "$PYTHON" ] || ask 'shut()' >/dev/null
  umount "$M" || { echo "umount: failed"; exit 0; }
  [ -z "$PID" ] || wait "$PID"
  PID=
}

# With an argument the other one goes on where this one was.
remount() {
  end
  if [ -n "$1" ]; then
    if [ "$NOW" = "$FIRST" ]; then NOW=$SECOND; else NOW=$FIRST; fi
  fi
  n=$((n + 1))
  echo "$n remount $1"
  begin
}

readonly_mount() {
  [ -z "$PYTHON" ] || ask 'shut()' >/dev/null
  n=$((n + 1))
  mount -o "remount,$1" "$M" 2>"$T/log" && echo "$n remount $1: ok" || echo "$n remount $1: failed"
}

# Before the layers: a filesystem of the script's own, to be filled.
own_fs() {
  truncate -s 256M "$T.img" && mkfs.ext4 -q "$T.img" && mount -o loop "$T.img" "$T" && OWN_FS=1 && chmod 755 "$T" &&
    mkdir "$M" "$T/u" "$T/w" || exit 1
}

# killed MICROSECONDS STEP...: the program dies so long after the step began, if it is one, and is mounted again;
# full STEP...: the disk is full meanwhile.  A step that this kept from being done is done again.
killed() {
  [ $# = 0 ] || { after=$1; shift; }
  before=$(tree '' "$M" | cksum) number=$n
  [ -z "$PID" ] || { sleep "0.$(printf %06d "${after-0}")"; kill_program; } &
  killer=$!
  [ $# = 0 ] || "$@" >"$T/told"
  wait "$killer"
  [ -z "$PYTHON" ] || ask 'shut()' >/dev/null
  if [ -n "$PID" ]; then
    umount "$M" 2>/dev/null || umount -l "$M" 2>/dev/null
    wait "$PID" 2>/dev/null
  else
    umount "$M"
  fi
  begin
  [ $# = 0 ] || judge "$@"
}
full() {
  before=$(tree '' "$M" | cksum) number=$n
  python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); at = 0; piece = 1 << 28
while piece >= 1024:
    try: os.posix_fallocate(f, at, piece); at += piece
    except OSError: piece //= 2' "$T/full"
  "$@" >"/dev/shm/plyfuzz.$$"
  rm "$T/full"
  mv "/dev/shm/plyfuzz.$$" "$T/told"
  judge "$@"
}
judge() {
  n=$((number + 1))
  echo "$n $*"
  case $(cat "$T/told") in
    *"not connected" | *"connection abort" | *"I/O error" | *"Input/output error" | *"No space left on device" | *"quota exceeded")
      [ "$before" != "$(tree '' "$M" | cksum)" ] || "$@" >/dev/null ;;
  esac
  n=$((number + 1))
  tree 'after it' "$M"
}
# Whatever was started for the mount, in the background too.
kill_program() {
  for process in $(grep -lsF -- "$M" /proc/[0-9]*/cmdline); do
    process=${process#/proc/} process=${process%/cmdline}
    [ "$process" = "$PYTHON" ] || kill -9 "$process" 2>/dev/null
  done
}

# Runs a command in the mount; tells what it printed, and ok or what the last words of its complaint are.
run() {
  n=$((n + 1))
  if said=$(cd "$M" && "$@" 2>"$T/log"); then said="ok${said:+ $said}"; else
    said=$(tail -n 1 "$T/log")
    said=${said##*: }
  fi
  echo "$n $*: $said"
}
# Before a command of run: another umask, another user (UID GID GROUPS).
mask() { umask "$1"; shift; "$@"; }
as() { user=$1 group=$2 groups=$3; shift 3; setpriv --reuid="$user" --regid="$group" --groups="$groups" -- "$@"; }

# One process of python3 for calls that no tool makes and descriptors that stay open: fd[0], fd[1], ...
python() {
  ! is_model || return 0
  mkfifo "$T/ask" "$T/answer"
  python3 -c '
import ctypes, errno, fcntl, hashlib, mmap, os, stat, struct, sys, time
fd = {}
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    args = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    f = getattr(libc, name); f.restype = ctypes.c_long
    n = f(*args)
    if n < 0 or n == 0xffffffff: raise OSError(ctypes.get_errno(), "")  # an int has its own half of the register
    return n
def shut():
    for f in fd.values(): os.close(f)
    fd.clear()
def keep(slot, *args):
    if slot in fd: os.close(fd.pop(slot))
    fd[slot] = os.open(*args)
def fill(seed, size): return (b"%d\n" % seed * size)[:size]
def told(data): return "%d bytes %s" % (len(data), hashlib.sha256(data).hexdigest()[:16])
def look(f):
    s = os.fstat(f)
    return "%o %d:%d links %d size %d" % (s.st_mode, s.st_uid, s.st_gid, s.st_nlink, 0 if stat.S_ISDIR(s.st_mode) else s.st_size)
asked = open(sys.argv[1])
answer = open(sys.argv[2], "w")
for line in asked:
    uid, gid, groups, code = line.rstrip("\n").split(" ", 3)
    told_back = None
    try:
        os.chdir(sys.argv[3])
        os.setgroups([int(g) for g in groups.split(",") if g != "-"]); os.setegid(int(gid)); os.seteuid(int(uid))
        names = globals(); names["r"] = None
        try: exec(code, names)
        finally: os.seteuid(0); os.setegid(0); os.setgroups([]); os.umask(0)
        told_back = "ok" if r is None else "ok %s" % (r,)
    except OSError as e: told_back = os.strerror(e.errno)
    except KeyError: told_back = "not open"
    except (ValueError, OverflowError) as e: told_back = str(e)
    os.chdir("/")
    answer.write(told_back + "\n"); answer.flush()
' "$T/ask" "$T/answer" "$M" &
  PYTHON=$!
  exec 8>"$T/ask" 9<"$T/answer"
}
ask() {
  printf '%s %s %s %s\n' "${2-0}" "${3-0}" "${4--}" "$1" >&8
  said="python3 died"
  IFS= read -r said <&9
  echo "$said"
}
# py CODE [UID GID GROUPS]: one line of python in the mount; what it leaves in r is told.
py() {
  n=$((n + 1))
  echo "$n $1${2:+ as $2}: $(ask "$@")"
}

# does EXPECTED CODE: a step of a case against the model.
does() {
  n=$((n + 1))
  if is_model; then said=$1; else said=$(ask "r = does($2)"); said=${said#ok }; fi
  echo "$n $2: $said"
}
# The definitions of those steps, from stdin.
steps() {
  cat >"$T/steps.py"
  is_model || ask "upper = os.fsencode('$T/u'); exec(open('$T/steps.py').read(), globals())" >/dev/null
}

# The state of one object, as a line.  What of it is told is set before the steps.
look() {
  state=$(stat -c "%F %a %u:%g rdev %t:%T$FORMAT" -- "$1" 2>"$T/log") ||
    { state=$(tail -n 1 "$T/log"); echo "  $1: ${state##*: }"; return; }
  case $state in
    "character special file"*" rdev 0:0"*) echo "  $1: whiteout"; return ;;
    directory*) [ -z "$LIST_NUMBERS" ] || state="$state $(numbers "$1")" ;;
    regular*) state="$state size $(stat -c %s -- "$1") data $(cksum <"$1" 2>&1 | tr '\n' ' ')" ;;
    symbolic*) state="$state to '$(readlink -- "$1")'" ;;
  esac
  if [ -n "$EXACT" ]; then
    state="$state mtime $(stat -c %y -- "$1")"
  elif [ -n "$MTIME" ]; then
    changed=$(stat -c %Y -- "$1")
    [ "$changed" -ge "$START" ] && [ "$changed" -lt $((START + 86400)) ] || state="$state mtime $(stat -c %y -- "$1")"
  fi
  if [ -n "$ATIME" ]; then
    changed=$(stat -c %X -- "$1")
    [ "$changed" -ge "$START" ] && changed="of the run"
    state="$state atime $changed"
  fi
  if [ -n "$BIRTH" ]; then
    [ "$(stat -c %w -- "$1")" = - ] && state="$state without birth time" || state="$state with birth time"
  fi
  if [ -n "$INODES" ]; then
    number=$(stat -c %i -- "$1")
    touch "$T/inodes"
    grep -qx "$number" "$T/inodes" || echo "$number" >>"$T/inodes"
    state="$state inode #$(grep -nx "$number" "$T/inodes" | cut -d : -f 1)"
  fi
  [ -z "$XATTRS" ] || xattrs=$(getfattr -h -d -m - -e hex -- "$1" 2>&1 | grep -v '^#' | grep -v 'overlay\.\(origin\|uuid\|impure\)=' | sort | tr '\n' ' ')
  echo "  $1: $state${xattrs:+ $xattrs}"
}
seen() { (cd "$M" && look "$1"); }
numbers() {
  python3 -c 'import os, sys
for e in sorted(os.scandir(sys.argv[1]), key=lambda e: e.name):
    print(e.name, "listed by its number" if e.inode() == os.lstat(e.path).st_ino else "listed by another number", end=" ")' "$1"
}
# Whether the time moved since the first call for the path: moved y|z PATH.
moved() {
  time=$(cd "$M" && stat -c "%$1" -- "$2" 2>&1)
  key=$T/moved.$1.$(printf %s "$2" | cksum | cut -d ' ' -f 1)
  if [ -e "$key" ]; then
    [ "$time" = "$(cat "$key")" ] && echo "  $2: time %$1 as before" || echo "  $2: time %$1 moved"
  else
    printf %s "$time" >"$key"
  fi
}
tree() {
  echo "-- $1"
  (cd "$2" && find . 2>/dev/null | sort | while IFS= read -r path; do look "$path"; done)
}

# client N: does what client_N says, beside the others and in a process of its own.
client() {
  (
    trap - EXIT
    T=$T/client$1 PYTHON= n=0
    mkdir "$T"
    "client_$1"
    [ -z "$PYTHON" ] || { exec 8>&-; wait "$PYTHON"; }
  ) >"$T/told$1" 2>&1 &
  clients="$clients $!"
}
# At their end: whether a fresh mount shows what the mount does, and the other side what that does.
together() {
  EXACT=1
  [ -z "$clients" ] || wait $clients
  tree '' "$M" >/dev/null
  tree '' "$M" >"$T/live"
  end
  begin
  tree '' "$M" >"$T/fresh"
  diff "$T/live" "$T/fresh" && echo "a fresh mount shows the same" || echo "a fresh mount shows something else"
  end
  [ -n "$1" ] || return 0
  LOWERS=$T/u:$LOWERS NO_UPPER=1 NOW=$SECOND
  begin
  tree '' "$M" >"$T/other"
  diff "$T/fresh" "$T/other" && echo "the other shows the same" || echo "the other shows something else"
  end
}

# For layers.
fill() { yes "$2" | head -c "$3" >"$1"; }
sparse() { fill "$1" "$2" 5000; truncate -s "$(($3 - 5000))" "$1"; fill "$1.end" "$2" 5000; cat "$1.end" >>"$1"; rm "$1.end"; }
socket() { python3 -c 'import os, stat, sys; os.mknod(sys.argv[1], stat.S_IFSOCK | 0o600)' "$1"; }
