// SMTP sessions that send one message after the other and wait for every reply, for `latency`:
//
//   sessions PORT SESSIONS MESSAGES SIZE RATE
//
// Each session sends messages: MAIL, RCPT, DATA, content. With a RATE above 0 all of them together
// begin that many a second, at random moments. One session more sends a NOOP every 2 ms on the
// average. Prints a line for each NOOP (`n` and its microseconds) and each transaction (`m`, then
// those from MAIL to the last 250, and of them those from the final dot). One process and no
// threads: on few cores the time that clients take is time that a server does not have.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <math.h>
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

enum { events_max = 64, step_greeting = -2, step_ehlo = -1, step_noop = 0, step_mail, step_rcpt,
       step_data, step_end };

struct session {
  int fd, step;
  int line_start;
  char line[4];
  bool is_probe;      // sends NOOPs
  long left;          // messages
  double begun, sent; // of the transaction; of what is being waited for
  double due;         // when the next one begins; 0 while one is under way
};

struct result {
  char kind;
  float whole, end;
};

static struct result *results;
static long result_count, result_room;
static int epoll_fd, sessions_left;
static double pause_between;
static const double noop_pause = 0.002;
static char *content;
static long content_size;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void say(struct session *s, const char *bytes, long size) {
  while (size > 0) {
    long count = send(s->fd, bytes, size, MSG_NOSIGNAL);
    if (count < 0) fail("send");
    bytes += count;
    size -= count;
  }
}

static void begin(struct session *s) {
  s->due = 0;
  s->begun = s->sent = now();
  if (s->step == step_noop) say(s, "NOOP\r\n", 6);
  else say(s, "MAIL FROM:<a@bench.test>\r\n", 26);
}

static void rest(struct session *s) {
  double pause = s->is_probe ? noop_pause : pause_between;
  if (pause == 0) return begin(s);
  s->due = now() - pause * log(1 - drand48());
}

static void note(char kind, double whole, double end) {
  if (result_count == result_room) {
    result_room = 2 * result_room + 1024;
    results = realloc(results, result_room * sizeof *results);
    if (results == NULL) fail("realloc");
  }
  results[result_count++] = (struct result){kind, whole * 1e6, end * 1e6};
}

/// A whole reply has come.
static void answered(struct session *s, int code) {
  int wanted = s->step == step_greeting ? 220 : s->step == step_data ? 354 : 250;
  if (code != wanted) exit(fprintf(stderr, "the server said %d at step %d\n", code, s->step) > 0);
  double time = now();
  switch (s->step) {
  case step_greeting: s->step = step_ehlo; return say(s, "EHLO bench.test\r\n", 17);
  case step_ehlo:
    s->step = s->is_probe ? step_noop : step_mail;
    // All begin together.
    sessions_left--;
    return;
  case step_noop:
    note('n', time - s->begun, 0);
    return rest(s);
  case step_mail: s->step = step_rcpt; return say(s, "RCPT TO:<b@sink.test>\r\n", 23);
  case step_rcpt: s->step = step_data; return say(s, "DATA\r\n", 6);
  case step_data:
    s->step = step_end;
    say(s, content, content_size);
    s->sent = now();
    return;
  case step_end:
    note('m', time - s->begun, time - s->sent);
    s->step = step_mail;
    if (--s->left > 0) return rest(s);
    sessions_left--;
  }
}

static void go_on(struct session *s) {
  char bytes[4096];
  long count = recv(s->fd, bytes, sizeof bytes, 0);
  if (count <= 0) exit(fprintf(stderr, "the server hung up\n") > 0);
  for (long i = 0; i < count; i++) {
    if (s->line_start < 4) s->line[s->line_start++] = bytes[i];
    if (bytes[i] != '\n') continue;
    bool is_whole = s->line_start == 4 && s->line[3] != '-';
    s->line_start = 0;
    if (is_whole) answered(s, atoi((char[]){s->line[0], s->line[1], s->line[2], 0}));
  }
}

/// Lets all go on until so many have done what they have to.
static void run(struct session *all, int count, int awaited) {
  struct epoll_event events[events_max];
  sessions_left = awaited;
  while (sessions_left > 0) {
    double next = 0, time = now();
    for (int i = 0; i < count; i++) {
      struct session *s = &all[i];
      if (s->due > 0 && s->due <= time) begin(s);
      if (s->due > 0 && (next == 0 || s->due < next)) next = s->due;
    }
    struct timespec wait = {30, 0};
    if (next > 0) {
      double left = next > time ? next - time : 0;
      wait = (struct timespec){(time_t)left, (long)((left - floor(left)) * 1e9)};
    }
    int n = epoll_pwait2(epoll_fd, events, events_max, &wait, NULL);
    if (n == 0 && next == 0) exit(fprintf(stderr, "the server does not answer\n") > 0);
    for (int i = 0; i < n; i++) go_on(events[i].data.ptr);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return fprintf(stderr, "usage: sessions PORT SESSIONS MESSAGES SIZE RATE\n"), 2;
  int port = atoi(argv[1]), count = atoi(argv[2]) + 1;
  long messages = atol(argv[3]), size = atol(argv[4]);
  double rate = atof(argv[5]);
  pause_between = rate > 0 ? (count - 1) / rate : 0;
  content = malloc(size + 128);
  content_size = sprintf(content, "Subject: latency\r\n\r\n");
  do {
    memset(content + content_size, 'x', 62);
    memcpy(content + content_size + 62, "\r\n", 2);
    content_size += 64;
  } while (content_size + 64 <= size);
  content_size += sprintf(content + content_size, ".\r\n");
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct session *all = calloc(count, sizeof *all);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; i < count; i++) {
    struct session *s = &all[i];
    *s = (struct session){.step = step_greeting, .left = messages, .is_probe = i == 0};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(s->fd, (void *)&address, sizeof address) < 0) fail("connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event) < 0) fail("epoll_ctl");
  }
  run(all, count, count);
  for (int i = 0; i < count; i++) rest(&all[i]);
  run(all, count, count - 1);
  for (long i = 0; i < result_count; i++)
    printf("%c %.1f %.1f\n", results[i].kind, results[i].whole, results[i].end);
}
