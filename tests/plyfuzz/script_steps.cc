// The steps of script.h: tools where one makes exactly the call, a line of Python else.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "tests/differential/dice.h"
#include "tests/differential/world.h"
#include "tests/plyfuzz/script.h"

namespace plyfs::fuzz {
namespace {

using diff::Op;
using diff::Step;

constexpr size_t kInlineBytes = 64;

std::string Number(int64_t n) {
  return std::to_string(n);
}

std::string Octal(int64_t n) {
  char text[32];
  snprintf(text, sizeof text, "%05llo", static_cast<unsigned long long>(n));
  return text;
}

std::string Hex(const std::string& bytes) {
  std::string out = "0x";
  for (char c : bytes) {
    char text[3];
    snprintf(text, sizeof text, "%02x", static_cast<unsigned char>(c));
    out += text;
  }
  return out;
}

std::string PathOf(const std::string& path) {
  return path.empty() ? "." : path;
}

std::string GroupsOf(const diff::User& user) {
  std::string groups;
  for (uint32_t group : user.groups) groups += (groups.empty() ? "" : ",") + std::to_string(group);
  return groups;
}

// A tool's line, by whoever the step is by.
std::string Run(const Step& step, const std::string& command, int64_t umask = 0) {
  std::string line = "run ";
  if (umask != 0) line += "mask " + Octal(umask) + " ";
  if (step.user != 0) {
    const diff::User& user = diff::Users()[static_cast<size_t>(step.user)];
    line += "as " + std::to_string(user.uid) + " " + std::to_string(user.gid) + " " + GroupsOf(user) + " ";
  }
  return line + command;
}

std::string Py(const Step& step, const std::string& code) {
  std::string line = "py " + Quote(code);
  if (step.user == 0) return line;
  const diff::User& user = diff::Users()[static_cast<size_t>(step.user)];
  return line + " " + std::to_string(user.uid) + " " + std::to_string(user.gid) + " " + GroupsOf(user);
}

std::string P(const std::string& path) {
  return PythonBytes(PathOf(path));
}

std::string Fd(int slot) {
  return "fd[" + std::to_string(slot) + "]";
}

std::string Value(const std::string& value) {
  return value.size() <= kInlineBytes ? PythonBytes(value) : "fill(1, " + std::to_string(value.size()) + ")";
}

std::string Fill(const Step& step) {
  return "fill(" + Number(step.c) + ", " + Number(step.b) + ")";
}

// The least that a caller asks for by creating with this mode and umask, where 0666 or 0777 is what the tool
// asks for; -1: the tool cannot.
int64_t MaskFor(int64_t mode, int64_t umask, int64_t asked) {
  if ((mode & ~asked & 07777) != 0) return -1;
  return umask | (asked & ~mode);
}

std::string MakeLine(const Step& step) {
  const std::string path = Quote(PathOf(step.path));
  const std::string masked = "os.umask(" + Number(step.b) + "); ";
  switch (step.op) {
    case Op::kCreate:
      if (const int64_t mask = MaskFor(step.a, step.b, 0666); mask >= 0)
        return Run(step, "dd if=/dev/null conv=excl status=none of=" + path, mask);
      return Py(step, masked + "os.close(os.open(" + P(step.path) +
                          ", os.O_CREAT | os.O_EXCL | os.O_WRONLY, " + Number(step.a) + "))");
    case Op::kMkdir:
      if (const int64_t mask = MaskFor(step.a, step.b, 0777); mask >= 0)
        return Run(step, "mkdir " + path, mask);
      return Py(step, masked + "os.mkdir(" + P(step.path) + ", " + Number(step.a) + ")");
    case Op::kMknod:
      return Py(step, masked + "os.mknod(" + P(step.path) + ", " + Number(step.a) + ", os.makedev(" +
                          Number(step.c >> 8) + ", " + Number(step.c & 255) + "))");
    default:
      return Run(step, "ln -s -T -- " + Quote(step.value) + " " + path);
  }
}

std::string NameLine(const Step& step) {
  const std::string path = Quote(PathOf(step.path));
  switch (step.op) {
    case Op::kLink:
      return Py(step, "os.link(" + P(step.path) + ", " + P(step.path2) + ", follow_symlinks=False)");
    case Op::kUnlink:
      return Run(step, "unlink " + path);
    case Op::kRmdir:
      return Run(step, "rmdir " + path);
    case Op::kRename:
      if (step.a == 0) return Py(step, "os.rename(" + P(step.path) + ", " + P(step.path2) + ")");
      return Py(step, "call('renameat2', -100, " + P(step.path) + ", -100, " + P(step.path2) + ", " +
                          Number(step.a) + ")");
    default:
      return MakeLine(step);
  }
}

std::string TimeExpression(int64_t seconds) {
  const timespec t = diff::StepTime(seconds);
  return "struct.pack('qq', " + Number(t.tv_sec) + ", " + Number(t.tv_nsec) + ")";
}

std::string Times(const Step& step) {
  return "t = " + TimeExpression(step.a) + " + " + TimeExpression(step.b) + "; ";
}

std::string AttributeLine(const Step& step) {
  const std::string path = Quote(PathOf(step.path)), name = Quote(step.name);
  switch (step.op) {
    case Op::kChmod:
      return Run(step, "chmod " + Octal(step.a) + " " + path);
    case Op::kChown:
      return Py(step, "os.lchown(" + P(step.path) + ", " + Number(step.a) + ", " + Number(step.b) + ")");
    case Op::kUtimens:
      return Py(step, Times(step) + "call('utimensat', -100, " + P(step.path) + ", t, 256)");
    case Op::kTruncate:
      return Py(step, "os.truncate(" + P(step.path) + ", " + Number(step.a) + ")");
    case Op::kSetxattr:
      if (step.a == 0 && step.value.size() <= kInlineBytes && !step.value.empty())
        return Run(step, "setfattr -h -n " + name + " -v " + Hex(step.value) + " -- " + path);
      return Py(step, "os.setxattr(" + P(step.path) + ", " + PythonBytes(step.name) + ", " +
                          Value(step.value) + ", " + Number(step.a) + ", follow_symlinks=False)");
    case Op::kRemovexattr:
      return Run(step, "setfattr -h -x " + name + " -- " + path);
    case Op::kGetxattr:
      if (step.a == 0) return Run(step, "getfattr -h -e hex -n " + name + " -- " + path);
      return Py(step, "r = call('lgetxattr', " + P(step.path) + ", " + PythonBytes(step.name) +
                          ", ctypes.create_string_buffer(9), " + Number(step.a) + ")");
    case Op::kListxattr:
      if (step.a == 0)
        return Py(step, "r = sorted(os.listxattr(" + P(step.path) + ", follow_symlinks=False))");
      return Py(step, "r = call('llistxattr', " + P(step.path) + ", ctypes.create_string_buffer(9), " +
                          Number(std::max<int64_t>(step.a, 0)) + ")");
    case Op::kSetAcl:
      return Run(step,
                 std::string("setfattr -h -n system.posix_acl_") + (step.c != 0 ? "default" : "access") +
                     " -v " +
                     Hex(diff::AclValue(static_cast<mode_t>(step.a), 1001, static_cast<unsigned>(step.b))) +
                     " -- " + path);
    case Op::kRemoveAcl:
      return Run(step, std::string("setfattr -h -x system.posix_acl_") +
                           (step.c != 0 ? "default" : "access") + " -- " + path);
    default:
      return "";
  }
}

std::string LookLine(const Step& step) {
  const std::string path = Quote(PathOf(step.path));
  switch (step.op) {
    case Op::kReaddir:
      return Run(step, "ls -A -- " + path + (step.path.empty() ? "" : "/"));
    case Op::kReadlink:
      return Run(step, "readlink -v -- " + path);
    case Op::kAccess:
      return Py(step, "call('faccessat', -100, " + P(step.path) + ", " + Number(step.a) + ", 512)");
    case Op::kStatfs:
      return Py(step, "s = os.statvfs(" + P(step.path) + "); r = (s.f_namemax, s.f_flag & 1)");
    default:
      return Py(step, "os.waitpid(os.posix_spawn(" + P(step.path) + ", [" + P(step.path) + "], {}), 0)");
  }
}

std::string OpenLine(const Step& step) {
  const std::string keep = "keep(" + std::to_string(step.slot) + ", " + P(step.path) + ", ";
  if (step.op == Op::kTmpfile)
    return Py(step, keep + "os.O_TMPFILE | os.O_RDWR | " + Number(step.b) + ", " + Number(step.a) + ")");
  return Py(step, keep + Number(step.a) + " | os.O_NONBLOCK, 0o666)");
}

std::string DataLine(const Step& step) {
  const std::string fd = Fd(step.slot);
  switch (step.op) {
    case Op::kRead:
      return Py(step, "r = told(os.pread(" + fd + ", " + Number(step.b) + ", " + Number(step.a) + "))");
    case Op::kWrite:
      if (step.a < 0) return Py(step, "r = os.write(" + fd + ", " + Fill(step) + ")");
      return Py(step, "r = os.pwrite(" + fd + ", " + Fill(step) + ", " + Number(step.a) + ")");
    case Op::kMmapRead:
      return Py(step, "s = max(os.fstat(" + fd + ").st_size, 1); m = mmap.mmap(" + fd +
                          ", s, prot=mmap.PROT_READ); a = " + Number(step.a) + " % s; r = told(m[a:a + " +
                          Number(step.b) + "]); m.close()");
    case Op::kMmapWrite:
      return Py(step, "s = max(os.fstat(" + fd + ").st_size, 1); m = mmap.mmap(" + fd +
                          ", s); a = " + Number(step.a) + " % s; l = min(" + Number(step.b) +
                          ", s - a); m[a:a + l] = fill(" + Number(step.c) + ", l); m.flush(); m.close()");
    case Op::kFtruncate:
      return Py(step, "os.ftruncate(" + fd + ", " + Number(step.a) + ")");
    case Op::kFallocate:
      return Py(step, "call('fallocate', " + fd + ", " + Number(step.c) + ", " + Number(step.a) + ", " +
                          Number(step.b) + ")");
    case Op::kCopyRange:
      return Py(step, "r = os.copy_file_range(" + fd + ", " + Fd(step.slot2) + ", " + Number(step.c) + ", " +
                          Number(step.a) + ", " + Number(step.b) + ")");
    default:
      return Py(step, "os.lseek(" + fd + ", " + Number(step.a) + ", " + Number(step.b) + ")");
  }
}

std::string SlotLine(const Step& step) {
  const std::string fd = Fd(step.slot);
  switch (step.op) {
    case Op::kClose:
      return Py(step, "os.close(fd.pop(" + std::to_string(step.slot) + "))");
    case Op::kLinkat:
      return Py(step,
                "call('linkat', -100, b'/proc/self/fd/%d' % " + fd + ", -100, " + P(step.path) + ", 1024)");
    case Op::kFchmod:
      return Py(step, "os.fchmod(" + fd + ", " + Number(step.a) + ")");
    case Op::kFchown:
      return Py(step, "os.fchown(" + fd + ", " + Number(step.a) + ", " + Number(step.b) + ")");
    case Op::kFutimens:
      return Py(step, Times(step) + "call('futimens', " + fd + ", t)");
    case Op::kFsetxattr:
      return Py(step, "os.setxattr(" + fd + ", " + PythonBytes(step.name) + ", " + Value(step.value) + ", " +
                          Number(step.a) + ")");
    case Op::kFsync:
      return Py(step, "os.fsync(" + fd + ")");
    case Op::kFlock:
      return Py(step, "fcntl.flock(" + fd + ", " + Number(step.a | LOCK_NB) + ")");
    default:
      return DataLine(step);
  }
}

}  // namespace

std::string StepLine(const Step& step, bool cross) {
  switch (step.op) {
    case Op::kRemount:
      return step.a != 0 && cross ? "remount crossed" : "remount";
    case Op::kReadonly:
      return std::string("readonly_mount ") + (step.a != 0 ? "ro" : "rw");
    case Op::kCheck:
      return "tree 'on the way' \"$M\"";
    case Op::kOpen:
    case Op::kTmpfile:
      return OpenLine(step);
    default:
      break;
  }
  if (diff::UsesSlot(step.op)) return SlotLine(step);
  if (step.op <= Op::kRename) return NameLine(step);
  return step.op >= Op::kReaddir ? LookLine(step) : AttributeLine(step);
}

}  // namespace plyfs::fuzz
