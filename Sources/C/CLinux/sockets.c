#include "internal.h"

#include "CLinuxSockets.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_socket_stream(const clinux_address *address) {
  sa_family_t family = ((const struct sockaddr *)address->bytes)->sa_family;
  return CLINUX_CALL(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int clinux_socket_datagram(const clinux_address *address) {
  sa_family_t family = ((const struct sockaddr *)address->bytes)->sa_family;
  return CLINUX_CALL(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int clinux_socket_pair(bool packets, int *first, int *second) {
  int pair[2];
  int type = (packets ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  int result = CLINUX_CALL(socketpair(AF_UNIX, type, 0, pair));
  if (result < 0) return result;
  *first = pair[0];
  *second = pair[1];
  return 0;
}

int clinux_bind(int fd, const clinux_address *address) {
  return CLINUX_CALL(bind(fd, (const struct sockaddr *)address->bytes, address->length));
}

int clinux_listen(int fd, int backlog) { return CLINUX_CALL(listen(fd, backlog)); }

int clinux_accept(int fd, clinux_address *peer) {
  socklen_t length = sizeof peer->bytes;
  int result = CLINUX_CALL(
      accept4(fd, (struct sockaddr *)peer->bytes, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  peer->length = length;
  return result;
}

int clinux_is_readable(int fd) {
  struct pollfd looked_at = {.fd = fd, .events = POLLIN};
  return CLINUX_CALL(poll(&looked_at, 1, 0));
}

int clinux_connect(int fd, const clinux_address *address) {
  // An interrupted connect goes on by itself; repeating it would say EALREADY.
  if (connect(fd, (const struct sockaddr *)address->bytes, address->length) == 0) return 0;
  return errno == EINTR ? -EINPROGRESS : -errno;
}

int clinux_shutdown(int fd, bool reading, bool writing) {
  return CLINUX_CALL(shutdown(fd, reading ? (writing ? SHUT_RDWR : SHUT_RD) : SHUT_WR));
}

int clinux_local_address(int fd, clinux_address *address) {
  socklen_t length = sizeof address->bytes;
  int result = CLINUX_CALL(getsockname(fd, (struct sockaddr *)address->bytes, &length));
  address->length = length;
  return result;
}

int clinux_peer_address(int fd, clinux_address *address) {
  socklen_t length = sizeof address->bytes;
  int result = CLINUX_CALL(getpeername(fd, (struct sockaddr *)address->bytes, &length));
  address->length = length;
  return result;
}

int clinux_pending_error(int fd, int *error) {
  socklen_t length = sizeof *error;
  return CLINUX_CALL(getsockopt(fd, SOL_SOCKET, SO_ERROR, error, &length));
}

int clinux_peer_credentials(int fd, clinux_credentials *credentials) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  int result = CLINUX_CALL(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length));
  if (result == 0) *credentials = (clinux_credentials){peer.pid, peer.uid, peer.gid};
  return result;
}

static int set(int fd, int level, int option, int value) {
  return CLINUX_CALL(setsockopt(fd, level, option, &value, sizeof value));
}

int clinux_set_reuse_address(int fd, bool on) { return set(fd, SOL_SOCKET, SO_REUSEADDR, on); }
int clinux_set_reuse_port(int fd, bool on) { return set(fd, SOL_SOCKET, SO_REUSEPORT, on); }
int clinux_set_v6_only(int fd, bool on) { return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, on); }

int clinux_listens_to_v4(int fd) {
  int only = 0, listens = 0;
  socklen_t length = sizeof listens;
  int result = CLINUX_CALL(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length));
  if (result < 0) return result;
  if (!listens) return -EINVAL;
  length = sizeof only;
  // Not a socket of IPv6: the question has its answer in the address.
  result = CLINUX_CALL(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length));
  return result == 0 && !only;
}

int clinux_set_no_delay(int fd, bool on) { return set(fd, IPPROTO_TCP, TCP_NODELAY, on); }
int clinux_set_cork(int fd, bool on) { return set(fd, IPPROTO_TCP, TCP_CORK, on); }

int clinux_set_keep_alive(int fd, int idle, unsigned timeout) {
  int result = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
  if (result == 0) result = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  if (result == 0) result = set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout);
  return result < 0 ? result : set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int clinux_set_buffers(int fd, int sending, int receiving) {
  int result = 0;
  if (sending > 0) result = set(fd, SOL_SOCKET, SO_SNDBUF, sending);
  if (result == 0 && receiving > 0) result = set(fd, SOL_SOCKET, SO_RCVBUF, receiving);
  return result;
}

long clinux_receive(int fd, void *buffer, size_t count) {
  return CLINUX_CALL(recv(fd, buffer, count, MSG_DONTWAIT));
}

long clinux_peek(int fd, void *buffer, size_t count) {
  return CLINUX_CALL(recv(fd, buffer, count, MSG_DONTWAIT | MSG_PEEK));
}

static int sending_flags(bool more) {
  return MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
}

long clinux_send(int fd, const void *buffer, size_t count, bool more) {
  return CLINUX_CALL(send(fd, buffer, count, sending_flags(more)));
}

long clinux_send_parts(int fd, const clinux_part *parts, int count, bool more) {
  struct iovec vector[clinux_packet_descriptors_max];
  int used = count < clinux_packet_descriptors_max ? count : clinux_packet_descriptors_max;
  for (int i = 0; i < used; i++)
    vector[i] = (struct iovec){(void *)parts[i].base, parts[i].length};
  struct msghdr message = {.msg_iov = vector, .msg_iovlen = used};
  return CLINUX_CALL(sendmsg(fd, &message, sending_flags(more)));
}

long clinux_sendfile(int socket, int file, int64_t *offset, size_t count) {
  off_t at = *offset;
  long result = CLINUX_CALL(sendfile(socket, file, &at, count));
  *offset = at;
  return result;
}

typedef union control_space {
  char bytes[CMSG_SPACE(sizeof(int) * clinux_packet_descriptors_max)];
  struct cmsghdr header;
} control_space;

long clinux_send_packet(
    int fd, const void *bytes, size_t count, const int32_t *descriptors, int descriptor_count) {
  control_space space;
  struct iovec vector = {(void *)bytes, count};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (descriptor_count > clinux_packet_descriptors_max) return -EINVAL;
  if (descriptor_count > 0) {
    memset(&space, 0, sizeof space);
    message.msg_control = space.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
  }
  return CLINUX_CALL(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int clinux_receive_packet(int fd, void *buffer, size_t count, clinux_packet *packet) {
  control_space space;
  struct iovec vector = {buffer, count};
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = space.bytes,
                           .msg_controllen = sizeof space};
  long n = CLINUX_CALL(recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (n < 0) return (int)n;
  packet->count = n;
  packet->descriptor_count = 0;
  packet->bytes_truncated = message.msg_flags & MSG_TRUNC;
  packet->descriptors_truncated = message.msg_flags & MSG_CTRUNC;
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    int received = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < received; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(h) + i * sizeof(int), sizeof descriptor);
      if (packet->descriptor_count < clinux_packet_descriptors_max)
        packet->descriptors[packet->descriptor_count++] = descriptor;
      else
        close(descriptor);
    }
  }
  return 0;
}
