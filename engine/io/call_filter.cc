#include "engine/io/call_filter.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace plyfs::sys {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "which architecture is this to seccomp?"
#endif

constexpr uint32_t kAllowed[] = {
    // Files by descriptor.
    SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_preadv, SYS_pwritev,
    SYS_preadv2, SYS_pwritev2, SYS_lseek, SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock,
    SYS_fstat, SYS_fstatfs, SYS_ftruncate, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_syncfs,
    SYS_sync_file_range, SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_fadvise64, SYS_readahead,
    SYS_ioctl, SYS_getdents64, SYS_fchmod, SYS_fchown, SYS_fgetxattr, SYS_fsetxattr, SYS_flistxattr,
    SYS_fremovexattr,
    // Files by path.
    SYS_openat, SYS_openat2, SYS_statx, SYS_newfstatat, SYS_statfs, SYS_faccessat, SYS_faccessat2,
    SYS_readlinkat, SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat, SYS_renameat2,
    SYS_renameat, SYS_fchmodat, SYS_fchownat, SYS_utimensat, SYS_truncate, SYS_getxattr, SYS_setxattr,
    SYS_listxattr, SYS_removexattr, SYS_lgetxattr, SYS_lsetxattr, SYS_llistxattr, SYS_lremovexattr,
    SYS_name_to_handle_at, SYS_open_by_handle_at,
    452,                 // fchmodat2
    463, 464, 465, 466,  // setxattrat and its kin
    SYS_open_tree,       // what a submount covers (M10); without move_mount it leads nowhere
    SYS_chdir, SYS_umask,
#if defined(__x86_64__)
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_chmod, SYS_chown, SYS_dup2, SYS_poll,
#endif
    // Notices.
    SYS_ppoll, SYS_fanotify_mark, SYS_inotify_add_watch, SYS_inotify_rm_watch, SYS_inotify_init1,
    SYS_eventfd2,
    // The keeper and the system's log, connected before.
    SYS_sendto, SYS_recvfrom,
    // Threads, signals, time, memory.
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_gettid, SYS_getpid, SYS_getppid, SYS_exit, SYS_exit_group,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_getrusage, SYS_getcpu, SYS_restart_syscall, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_nanosleep,
    SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_munmap, SYS_mremap,
    SYS_madvise, SYS_mincore, SYS_brk, SYS_membarrier, SYS_getrandom, SYS_sysinfo, SYS_uname,
    // Who we are, and as whom we make things.
    SYS_setfsuid, SYS_setfsgid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_capget};

// Calls allowed for one argument only.  By its low half: the other is nothing to the kernel, or refused by
// it, or (prlimit64) the rest of an address, where no harm is done.
enum class Test { kIs, kHasBit, kLacksBit };
struct Condition {
  uint32_t call;
  uint32_t argument;
  Test test;
  uint32_t value;
};

std::vector<Condition> Conditions() {
  const auto self = static_cast<uint32_t>(::getpid());
  return {
      {SYS_clone, 0, Test::kHasBit, CLONE_THREAD},    // no processes, hence no namespaces either
      {SYS_unshare, 0, Test::kIs, CLONE_FS},          // a thread's own umask
      {SYS_mmap, 2, Test::kLacksBit, PROT_EXEC},      //
      {SYS_mprotect, 2, Test::kLacksBit, PROT_EXEC},  //
      {SYS_tgkill, 0, Test::kIs, self},               //
      {SYS_prlimit64, 2, Test::kIs, 0},               // only to be told
      {SYS_prctl, 0, Test::kIs, PR_GET_SECUREBITS},   //
      {SYS_prctl, 0, Test::kIs, PR_CAPBSET_READ},     //
      {SYS_prctl, 0, Test::kIs, PR_SET_NAME},         //
  };
}

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
sock_filter Allow() {
  return Statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

void Add(const Condition& condition, std::vector<sock_filter>* filter) {
  filter->push_back(Load(offsetof(seccomp_data, nr)));
  const bool lacks = condition.test == Test::kLacksBit;
  filter->push_back(Unless(BPF_JEQ, condition.call, lacks ? 4 : 3));
  filter->push_back(Load(offsetof(seccomp_data, args) + condition.argument * sizeof(uint64_t)));
  filter->push_back(Unless(condition.test == Test::kIs ? BPF_JEQ : BPF_JSET, condition.value, 1));
  if (lacks) filter->push_back(Answer(EPERM));
  filter->push_back(Allow());
}

std::vector<sock_filter> Filter() {
  std::vector<sock_filter> filter = {Load(offsetof(seccomp_data, arch)), Unless(BPF_JEQ, kArchitecture, 1)};
  filter.push_back(Statement(BPF_JMP | BPF_JA, 1));
  filter.push_back(Answer(EPERM));
  filter.push_back(Load(offsetof(seccomp_data, nr)));
  for (const uint32_t call : kAllowed) {
    filter.push_back(Unless(BPF_JEQ, call, 1));
    filter.push_back(Allow());
  }
  // Its flags lie in memory, where no filter sees them; without it the C library takes clone.
  filter.push_back(Unless(BPF_JEQ, SYS_clone3, 1));
  filter.push_back(Answer(ENOSYS));
  for (const Condition& condition : Conditions()) Add(condition, &filter);
  filter.push_back(Answer(EPERM));
  return filter;
}

}  // namespace

Status FilterCalls() {
  std::vector<sock_filter> filter = Filter();
  sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return LastErrno();
  const long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (done == 0) return OkStatus();
  return done > 0 ? Status(Errno(EBUSY)) : Status(LastErrno());
}

}  // namespace plyfs::sys
