#include "internal.h"

#include "CLinuxProcesses.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { pair_limit = 32, number_limit = 256 };

static bool is_target(int number, const int *pairs, int count) {
  for (int i = 0; i < count; i++)
    if (pairs[2 * i + 1] == number) return true;
  return number <= 2;
}

/// Copies the sources above every target, so that no move overwrites one that is still needed. The
/// highest target.
static int copy_sources(const int *pairs, int count, int *copies) {
  int highest = 2;
  for (int i = 0; i < count; i++)
    if (pairs[2 * i + 1] > highest) highest = pairs[2 * i + 1];
  if (highest >= number_limit) return -EINVAL;
  for (int i = 0; i < count; i++) {
    copies[i] = CLINUX_CALL(fcntl(pairs[2 * i], F_DUPFD_CLOEXEC, highest + 1));
    if (copies[i] < 0) return copies[i];
  }
  return highest;
}

static void close_copies(const int *copies, int count) {
  for (int i = 0; i < count; i++)
    if (copies[i] >= 0) close(copies[i]);
}

/// Adds the moves to the wanted numbers.
static int add_moves(
    posix_spawn_file_actions_t *actions, const int *pairs, int count, int *copies) {
  int highest = copy_sources(pairs, count, copies);
  if (highest < 0) return highest;
  for (int i = 0; i < count; i++) {
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
  close_copies(copies, pair_count);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return result == 0 ? pid : result;
}

/// What a bound child is to become.
struct bound_program {
  const char *executable;
  char *const *arguments;
  char *const *environment;
  const int *pairs;
  int pair_count;
  int highest;
  int copies[pair_limit];
};

/// The child's side until it is the program; returns only with an error. Behind fork no call is
/// allowed that takes locks.
static int become_program(const struct bound_program *program, pid_t parent, int *report) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return errno;
  // The parent's death may have come before the request for its signal.
  if (getppid() != parent) return ESRCH;
  for (int i = 0; i < program->pair_count; i++)
    if (dup2(program->copies[i], program->pairs[2 * i + 1]) < 0) return errno;
  int next = program->highest + 1;
  if (*report != next) {
    if (dup3(*report, next, O_CLOEXEC) < 0) return errno;
    *report = next;
  }
  for (int number = 3; number < next; number++)
    if (!is_target(number, program->pairs, program->pair_count)) close(number);
  if (close_range(next + 1, UINT_MAX, 0) < 0) return errno;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) return errno;
  execve(program->executable, program->arguments, program->environment);
  return errno;
}

/// Forks with all signals blocked: no handler of the parent's runs in the child.
static pid_t fork_program(const struct bound_program *program, int *report) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t pid = CLINUX_CALL(fork());
  if (pid == 0) {
    int error = become_program(program, parent, report);
    ssize_t count = write(*report, &error, sizeof error);
    _exit(count == sizeof error ? 127 : 126);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}

int clinux_spawn_bound(
    const char *executable, char *const *arguments, char *const *environment, const int *pairs,
    int pair_count) {
  if (pair_count > pair_limit) return -EINVAL;
  struct bound_program program = {executable, arguments, environment, pairs, pair_count, 2, {0}};
  for (int i = 0; i < pair_limit; i++) program.copies[i] = -1;
  int pipe[2] = {-1, -1};
  int report = -1;
  int result = copy_sources(pairs, pair_count, program.copies);
  if (result >= 0) {
    program.highest = result;
    result = CLINUX_CALL(pipe2(pipe, O_CLOEXEC));
  }
  // Out of the way of the targets.
  if (result == 0)
    result = report = CLINUX_CALL(fcntl(pipe[1], F_DUPFD_CLOEXEC, program.highest + 1));
  if (pipe[1] >= 0) close(pipe[1]);
  if (result >= 0) result = fork_program(&program, &report);
  if (report >= 0) close(report);
  close_copies(program.copies, pair_count);
  if (result > 0) {
    int error = 0;
    // An end without a word: the program runs, or the child was killed on its way, as its status
    // will tell.
    if (CLINUX_CALL(read(pipe[0], &error, sizeof error)) == sizeof error) {
      int status = 0;
      CLINUX_CALL(waitpid(result, &status, 0));
      result = -error;
    }
  }
  if (pipe[0] >= 0) close(pipe[0]);
  return result;
}
