#pragma once

#include <stdbool.h>
#include <stdint.h>

/// How a child process ended.
typedef struct clinux_exit {
  int32_t pid;
  bool signalled;
  int32_t value;
} clinux_exit;

/// Starts a program: `pairs` holds parent's and child's descriptor numbers by turns (at most 32
/// pairs, child's numbers below 256); everything else above 2 is closed. Default signals. The pid,
/// or a negative errno.
int clinux_spawn(
    const char *executable, char *const *arguments, char *const *environment, const int *pairs,
    int pair_count);
/// As clinux_spawn, but the program is killed when the calling thread ends before it (PDEATHSIG of
/// prctl(2): not if it is set-uid or set-gid).
int clinux_spawn_bound(
    const char *executable, char *const *arguments, char *const *environment, const int *pairs,
    int pair_count);
/// A descriptor that becomes readable when the process ends.
int clinux_pidfd(int pid);
int clinux_pidfd_signal(int pidfd, int signal);
/// 0 when the process was reaped, -EAGAIN while it runs (only without `wait`).
int clinux_reap(int pid, bool wait, clinux_exit *exit);
int clinux_kill(int pid, int signal);
int clinux_own_pid(void);
int clinux_parent_pid(void);

int clinux_no_new_privileges(void);
int clinux_parent_death_signal(int signal);
int clinux_set_name(const char *name);
/// Raises the soft limit of open descriptors to the hard one; returns it.
long clinux_raise_descriptor_limit(void);

// From the usual scheduling policy to SCHED_BATCH; leaves any other policy alone.
int clinux_schedule_as_batch(void);
uint32_t clinux_umask(uint32_t mask);
int clinux_host_name(char *buffer, int count);
void clinux_ignore_broken_pipe(void);
void clinux_watch_children(void);
int clinux_random(void *buffer, int count);
int clinux_processor_count(void);
