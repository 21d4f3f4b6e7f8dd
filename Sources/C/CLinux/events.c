#include "internal.h"

#include "CLinuxEvents.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static_assert(sizeof(clinux_event) == sizeof(struct epoll_event), "layout of epoll_event");
static_assert(offsetof(clinux_event, token) == offsetof(struct epoll_event, data), "token");

int clinux_epoll_create(void) { return CLINUX_CALL(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return CLINUX_CALL(epoll_ctl(epoll, operation, fd, &event));
}

int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
  return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
  return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int clinux_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int clinux_epoll_wait(int epoll, clinux_event *events, int count, int timeout) {
  int n = epoll_wait(epoll, (struct epoll_event *)events, count, timeout);
  if (n >= 0) return n;
  return errno == EINTR ? 0 : -errno;
}

int clinux_eventfd(void) { return CLINUX_CALL(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int clinux_eventfd_wake(int fd) {
  uint64_t one = 1;
  return CLINUX_CALL(write(fd, &one, sizeof one));
}

int clinux_timerfd(void) {
  return CLINUX_CALL(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

int clinux_timerfd_arm(int fd, int64_t nanoseconds) {
  struct itimerspec when = {
      .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
  return CLINUX_CALL(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

static void collect(sigset_t *set, const int *signals, int count) {
  sigemptyset(set);
  for (int i = 0; i < count; i++) sigaddset(set, signals[i]);
}

int clinux_signalfd(const int *signals, int count) {
  sigset_t set;
  collect(&set, signals, count);
  int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (error != 0) return -error;
  return CLINUX_CALL(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int clinux_signalfd_read(int fd) {
  struct signalfd_siginfo info;
  long n = CLINUX_CALL(read(fd, &info, sizeof info));
  return n < 0 ? (int)n : (int)info.ssi_signo;
}

int clinux_unblock_signals(const int *signals, int count) {
  sigset_t set;
  collect(&set, signals, count);
  return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_monotonic_ns(void) { return nanoseconds(CLOCK_MONOTONIC); }

int64_t clinux_wall_us(void) { return nanoseconds(CLOCK_REALTIME) / 1000; }

int64_t clinux_process_cpu_ns(void) { return nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }
