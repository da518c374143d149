// as_linux_6_1: runs a program as if under Debian 12's own kernel, Linux 6.1.
//
//   as_linux_6_1 PROGRAM [ARGUMENT...]
//
// The kernel itself answers as that one does (a seccomp filter, inherited by everything the program starts):
// system calls it lacks are ENOSYS, requests and flags it lacks have the errno that it gives.  What no filter
// can do is done by a debug build of plyfs itself, told by the environment: INIT as of protocol 7.38, and the
// fields of statx that 6.1 does not know.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

// The first system call after 6.1 (cachestat, 6.5).  Since Linux 5.1 new calls have one number everywhere.
constexpr uint32_t kFirstYounger = 451;

// A call that 6.1 has, with an argument it refuses: any bit of `bits`, or the very value.
struct Refusal {
  uint32_t call;
  uint32_t argument;
  uint32_t bits;
  bool exact;
  int error;
};

constexpr Refusal kRefusals[] = {
    {SYS_ioctl, 1, 0x80111500, true, ENOTTY},  // FS_IOC_GETFSUUID, 6.9
    {SYS_ioctl, 1, 0x80811501, true, ENOTTY},  // FS_IOC_GETFSSYSFSPATH, 6.9
    {SYS_ioctl, 1, 0x4010e501, true, ENOTTY},  // FUSE_DEV_IOC_BACKING_OPEN, 6.9
    {SYS_ioctl, 1, 0x4004e502, true, ENOTTY},  // FUSE_DEV_IOC_BACKING_CLOSE, 6.9
    {SYS_ioctl, 1, 0xe503, true, ENOTTY},      // FUSE_DEV_IOC_SYNC_INIT, 6.18
    // AT_HANDLE_FID (6.5), AT_HANDLE_MNT_ID_UNIQUE (6.12), AT_HANDLE_CONNECTABLE (6.13).
    {SYS_name_to_handle_at, 4, 0x203, false, EINVAL},
    {SYS_preadv2, 5, ~0x1fu, false, EOPNOTSUPP},    // RWF_NOAPPEND (6.9) and later
    {SYS_pwritev2, 5, ~0x1fu, false, EOPNOTSUPP},   // the same
    {SYS_fallocate, 1, 0x80, false, EOPNOTSUPP},    // FALLOC_FL_WRITE_ZEROES, 6.17
    {SYS_fanotify_init, 0, 0x6000, false, EINVAL},  // FAN_REPORT_FD_ERROR (6.13), FAN_REPORT_MNT (6.14)
    {SYS_fanotify_mark, 2, 0x03100000, false,
     EINVAL},  // FAN_PRE_ACCESS, FAN_MNT_ATTACH, FAN_MNT_DETACH (6.14)
};

sock_filter Statement(unsigned code, uint32_t value) {
  return {static_cast<uint16_t>(code), 0, 0, value};
}

// Goes on where the test holds, else `skip` statements further.
sock_filter Unless(unsigned test, uint32_t value, uint8_t skip) {
  return {static_cast<uint16_t>(BPF_JMP | test | BPF_K), 0, skip, value};
}

sock_filter Load(size_t offset) {
  return Statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

sock_filter Answer(int error) {
  return Statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error));
}

// The low half of an argument: all of the above are 32 bits wide.
size_t ArgumentOffset(uint32_t argument) {
  return offsetof(seccomp_data, args) + argument * sizeof(uint64_t);
}

std::vector<sock_filter> Filter() {
  constexpr size_t kNumber = offsetof(seccomp_data, nr);
  std::vector<sock_filter> filter = {Load(kNumber), Unless(BPF_JGE, kFirstYounger, 1), Answer(ENOSYS)};
  for (const Refusal& refusal : kRefusals) {
    filter.push_back(Load(kNumber));
    filter.push_back(Unless(BPF_JEQ, refusal.call, 3));
    filter.push_back(Load(ArgumentOffset(refusal.argument)));
    filter.push_back(Unless(refusal.exact ? BPF_JEQ : BPF_JSET, refusal.bits, 1));
    filter.push_back(Answer(refusal.error));
  }
  filter.push_back(Statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

bool Install() {
  std::vector<sock_filter> filter = Filter();
  sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return true;
  // Without CAP_SYS_ADMIN only for who promises to gain nothing by exec (fusermount3 then does not work).
  return errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fputs("usage: as_linux_6_1 PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  setenv("PLYFS_FUSE_MINOR", "38", 1);
  setenv("PLYFS_FAULT", "statx_new_fields=EINVAL", 0);
  if (!Install()) {
    fprintf(stderr, "as_linux_6_1: seccomp: %s\n", strerror(errno));
    return 2;
  }
  execvp(argv[1], argv + 1);
  fprintf(stderr, "as_linux_6_1: %s: %s\n", argv[1], strerror(errno));
  return 2;
}
