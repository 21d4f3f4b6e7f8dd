// Many SMTP clients in one process, for the scripts beside it:
//
//   clients flood PORT AT-A-TIME COUNT   COUNT sessions, a new connection each, whose RCPT is to be
//                                        refused; MAIL, RCPT and QUIT in one go after EHLO; prints
//                                        how many were refused and how many were not
//   clients trickle PORT COUNT SECONDS   COUNT clients that never finish a command: a byte every
//                                        SECONDS; says `ready` when 95 % of them have been greeted,
//                                        reconnects those that are turned out, ends with its input
//
// They come from many addresses of 127.0.0.0/8 and go to 127.0.0.1.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { connecting_max = 256, events_max = 512, addresses = 60000 };

struct client {
  int fd;
  int step;       // replies read so far; -1 while the connection is being made
  int line_start; // bytes of the line under way, at most 4
  char line[4];
  bool was_refused;
  double due;     // when a trickling client sends its next byte
};

static const char *const commands[] = {
    "EHLO flood.test\r\n",
    "MAIL FROM:<a@flood.test>\r\nRCPT TO:<b@elsewhere.test>\r\nQUIT\r\n"};
// Replies: greeting, EHLO, MAIL, RCPT, QUIT.
enum { write_count = 2, rcpt_step = 3, quit_step = 4 };

static int epoll_fd, port, connecting;
static unsigned next_address;
static bool trickles;
static double interval;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void start(struct client *c) {
  memset(c, 0, sizeof *c);
  c->step = -1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) fail("socket");
  int one = 1;
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // 127.1.0.1 and up: not the addresses of honest clients.
  unsigned from = 0x7f010001 + next_address++ % addresses;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
  if (bind(c->fd, (void *)&address, sizeof address) < 0) fail("bind");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(c->fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail("connect");
  connecting++;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0) fail("epoll_ctl");
}

static void stop(struct client *c) {
  if (c->step < 0) connecting--;
  close(c->fd);
  c->fd = -1;
}

/// A whole reply has come; false when the session is over.
static bool answered(struct client *c, int code) {
  if (c->step < 0) connecting--;
  c->step++;
  if (trickles) {
    if (c->step == 0) c->due = now() + interval * (rand() % 1000) / 1000;
    return code < 400;
  }
  if (c->step == rcpt_step) c->was_refused = code >= 400;
  if (c->step == quit_step) return false;
  if (c->step >= write_count) return true;
  return send(c->fd, commands[c->step], strlen(commands[c->step]), MSG_NOSIGNAL) > 0;
}

/// Reads; false when the session is over.
static bool go_on(struct client *c) {
  char bytes[4096];
  long count = recv(c->fd, bytes, sizeof bytes, 0);
  if (count < 0 && errno == EAGAIN) return true;
  if (count <= 0) return false;
  for (long i = 0; i < count; i++) {
    if (c->line_start < 4) c->line[c->line_start++] = bytes[i];
    if (bytes[i] != '\n') continue;
    bool is_last = c->line_start == 4 && c->line[3] != '-';
    c->line_start = 0;
    if (is_last && !answered(c, atoi((char[]){c->line[0], c->line[1], c->line[2], 0}))) return false;
  }
  return true;
}

static void flood(int at_a_time, long count) {
  struct client *all = calloc(at_a_time, sizeof *all);
  long begun = 0, refused = 0, other = 0;
  for (int i = 0; i < at_a_time && begun < count; i++, begun++) start(&all[i]);
  struct epoll_event events[events_max];
  while (refused + other < count) {
    int n = epoll_wait(epoll_fd, events, events_max, 30000);
    if (n == 0) exit(fprintf(stderr, "the server does not answer\n") > 0);
    for (int i = 0; i < n; i++) {
      struct client *c = events[i].data.ptr;
      if (go_on(c)) continue;
      if (c->was_refused && c->step == quit_step) refused++;
      else other++;
      stop(c);
      if (begun < count) start(c), begun++;
    }
  }
  printf("%ld %ld\n", refused, other);
}

static void trickle(int count) {
  struct client *all = calloc(count, sizeof *all);
  struct epoll_event input = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = NULL}, events[events_max];
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &input) < 0) fail("epoll_ctl");
  for (int i = 0; i < count; i++) all[i].fd = -1;
  bool is_ready = false;
  int greeted = 0;
  double look = 0;
  while (true) {
    int n = epoll_wait(epoll_fd, events, events_max, 100);
    for (int i = 0; i < n; i++) {
      struct client *c = events[i].data.ptr;
      if (c == NULL) return;
      bool was_new = c->step < 0;
      if (!go_on(c)) {
        if (c->step >= 0) greeted -= !was_new;
        stop(c);
      } else if (was_new && c->step == 0) {
        greeted++;
      }
    }
    double time = now();
    if (time < look) continue;
    look = time + 0.1;
    for (int i = 0; i < count; i++) {
      struct client *c = &all[i];
      if (c->fd < 0) {
        if (connecting < connecting_max) start(c);
      } else if (c->step >= 0 && time >= c->due) {
        send(c->fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        c->due = time + interval;
      }
    }
    if (!is_ready && greeted >= count / 20 * 19) {
      is_ready = true;
      puts("ready");
      fflush(stdout);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: clients flood|trickle PORT ...\n"), 2;
  port = atoi(argv[2]);
  trickles = strcmp(argv[1], "trickle") == 0;
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (trickles) {
    interval = atof(argv[4]);
    trickle(atoi(argv[3]));
  } else {
    flood(atoi(argv[3]), atol(argv[4]));
  }
}
