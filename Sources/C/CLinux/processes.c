#include "internal.h"

#include "CLinuxProcesses.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { pair_limit = 32, number_limit = 256 };

static bool is_target(int number, const int *pairs, int count) {
  for (int i = 0; i < count; i++)
    if (pairs[2 * i + 1] == number) return true;
  return number <= 2;
}

/// Adds the moves to the wanted numbers. Sources are first copied above every target, so that no
/// move overwrites a source that is still needed; dup2 onto itself also clears close-on-exec.
static int add_moves(
    posix_spawn_file_actions_t *actions, const int *pairs, int count, int *copies) {
  int highest = 2;
  for (int i = 0; i < count; i++)
    if (pairs[2 * i + 1] > highest) highest = pairs[2 * i + 1];
  if (highest >= number_limit) return -EINVAL;
  for (int i = 0; i < count; i++) {
    copies[i] = CLINUX_CALL(fcntl(pairs[2 * i], F_DUPFD_CLOEXEC, highest + 1));
    if (copies[i] < 0) return copies[i];
    int error = posix_spawn_file_actions_adddup2(actions, copies[i], pairs[2 * i + 1]);
    if (error != 0) return -error;
  }
  // Closing a number that is not open is no error here.
  for (int number = 3; number < highest; number++) {
    if (is_target(number, pairs, count)) continue;
    int error = posix_spawn_file_actions_addclose(actions, number);
    if (error != 0) return -error;
  }
  return -posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
}

static int set_signals(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int error = posix_spawnattr_setsigmask(attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &all);
  if (error == 0)
    error =
        posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return -error;
}

int clinux_spawn(
    const char *executable, char *const *arguments, char *const *environment, const int *pairs,
    int pair_count) {
  if (pair_count > pair_limit) return -EINVAL;
  int copies[pair_limit];
  for (int i = 0; i < pair_limit; i++) copies[i] = -1;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  pid_t pid = 0;
  int result = add_moves(&actions, pairs, pair_count, copies);
  if (result == 0) result = set_signals(&attributes);
  if (result == 0)
    result = -posix_spawn(&pid, executable, &actions, &attributes, arguments, environment);
  for (int i = 0; i < pair_count; i++)
    if (copies[i] >= 0) close(copies[i]);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return result == 0 ? pid : result;
}

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
