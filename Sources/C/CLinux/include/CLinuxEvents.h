#pragma once

#include <stdint.h>

static const uint32_t clinux_epollin = 0x001;
static const uint32_t clinux_epollout = 0x004;
static const uint32_t clinux_epollerr = 0x008;
static const uint32_t clinux_epollhup = 0x010;
static const uint32_t clinux_epollrdhup = 0x2000;
static const uint32_t clinux_epollexclusive = 1u << 28;
static const uint32_t clinux_epollet = 1u << 31;

/// The kernel's epoll_event, whose layout on x86-64 is packed.
typedef struct clinux_event {
  uint32_t events;
  uint64_t token;
}
#if defined(__x86_64__)
__attribute__((packed))
#endif
clinux_event;

int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int clinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int clinux_epoll_remove(int epoll, int fd);
/// Waits for events; `timeout` in milliseconds, -1 for ever. A signal counts as no event.
int clinux_epoll_wait(int epoll, clinux_event *events, int count, int timeout);

int clinux_eventfd(void);
int clinux_eventfd_wake(int fd);

int clinux_timerfd(void);
/// Arms the timer at an absolute CLOCK_MONOTONIC time in nanoseconds; 0 disarms.
int clinux_timerfd_arm(int fd, int64_t nanoseconds);

/// Blocks the signals in the calling thread and makes a signalfd for them.
int clinux_signalfd(const int *signals, int count);
/// The number of the next pending signal, or a negative errno.
int clinux_signalfd_read(int fd);
/// Unblocks the signals in the calling thread.
int clinux_unblock_signals(const int *signals, int count);

/// CLOCK_MONOTONIC in nanoseconds.
int64_t clinux_monotonic_ns(void);
/// CLOCK_REALTIME in microseconds.
int64_t clinux_wall_us(void);
/// CPU time of the process, user and system, in nanoseconds.
int64_t clinux_process_cpu_ns(void);
