#include "internal.h"

#include "CLinuxProcesses.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_pidfd(int pid) { return CLINUX_CALL(syscall(SYS_pidfd_open, pid, 0)); }

int clinux_pidfd_signal(int pidfd, int signal) {
  return CLINUX_CALL(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int clinux_reap(int pid, bool wait, clinux_exit *exit) {
  int status = 0;
  int result = CLINUX_CALL(waitpid(pid, &status, wait ? 0 : WNOHANG));
  if (result < 0) return result;
  if (result == 0) return -EAGAIN;
  bool signalled = WIFSIGNALED(status);
  *exit =
      (clinux_exit){result, signalled, signalled ? WTERMSIG(status) : WEXITSTATUS(status)};
  return 0;
}

int clinux_kill(int pid, int signal) { return CLINUX_CALL(kill(pid, signal)); }
int clinux_own_pid(void) { return getpid(); }
int clinux_parent_pid(void) { return getppid(); }

int clinux_no_new_privileges(void) { return CLINUX_CALL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int clinux_parent_death_signal(int signal) {
  return CLINUX_CALL(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0));
}

int clinux_set_name(const char *name) { return CLINUX_CALL(prctl(PR_SET_NAME, name, 0, 0, 0)); }

long clinux_raise_descriptor_limit(void) {
  struct rlimit limit;
  long result = CLINUX_CALL(getrlimit(RLIMIT_NOFILE, &limit));
  if (result < 0) return result;
  limit.rlim_cur = limit.rlim_max;
  result = CLINUX_CALL(setrlimit(RLIMIT_NOFILE, &limit));
  return result < 0 ? result : (long)limit.rlim_cur;
}

int clinux_schedule_as_batch(void) {
  long policy = CLINUX_CALL(sched_getscheduler(0));
  if (policy != SCHED_OTHER) return policy < 0 ? (int)policy : 0;
  struct sched_param parameters = {0};
  return CLINUX_CALL(sched_setscheduler(0, SCHED_BATCH, &parameters));
}

uint32_t clinux_umask(uint32_t mask) { return umask((mode_t)mask); }

int clinux_host_name(char *buffer, int count) { return CLINUX_CALL(gethostname(buffer, count)); }

void clinux_ignore_broken_pipe(void) { signal(SIGPIPE, SIG_IGN); }

void clinux_watch_children(void) { signal(SIGCHLD, SIG_DFL); }

int clinux_random(void *buffer, int count) {
  return CLINUX_CALL(getrandom(buffer, count, 0)) == count ? 0 : -EIO;
}

int clinux_processor_count(void) {
  cpu_set_t set;
  int result = CLINUX_CALL(sched_getaffinity(0, sizeof set, &set));
  return result < 0 ? result : CPU_COUNT(&set);
}
