#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { clinux_packet_descriptors_max = 64, clinux_address_max = 128 };

/// A socket address as the kernel has it.
typedef struct clinux_address {
  uint32_t length;
  _Alignas(8) uint8_t bytes[clinux_address_max];
} clinux_address;

/// One part of a gathered write.
typedef struct clinux_part {
  const void *base;
  size_t length;
} clinux_part;

/// What a received packet was.
typedef struct clinux_packet {
  int64_t count;
  int32_t descriptor_count;
  bool bytes_truncated;
  bool descriptors_truncated;
  int32_t descriptors[clinux_packet_descriptors_max];
} clinux_packet;

/// Who is at the other end of a Unix socket, as SO_PEERCRED says.
typedef struct clinux_credentials {
  int32_t pid;
  uint32_t uid;
  uint32_t gid;
} clinux_credentials;

void clinux_address_v4(clinux_address *address, uint32_t bits, uint16_t port);
void clinux_address_v6(clinux_address *address, uint64_t high, uint64_t low, uint16_t port);
/// false when the path is too long.
bool clinux_address_path(clinux_address *address, const char *path);
/// 4 or 6 for IP addresses, 1 for Unix sockets, 0 for others.
int clinux_address_kind(const clinux_address *address);
uint16_t clinux_address_port(const clinux_address *address);
uint32_t clinux_address_bits(const clinux_address *address);
void clinux_address_halves(const clinux_address *address, uint64_t *high, uint64_t *low);
/// The path of a Unix socket address, "" for an unnamed one.
const char *clinux_address_path_text(const clinux_address *address);

int clinux_socket_stream(const clinux_address *address);
int clinux_socket_datagram(const clinux_address *address);
int clinux_socket_pair(bool packets, int *first, int *second);
int clinux_bind(int fd, const clinux_address *address);
int clinux_listen(int fd, int backlog);
int clinux_accept(int fd, clinux_address *peer);
/// 1 when a read or an accept would find something or an error now, else 0 or a negative errno.
int clinux_is_readable(int fd);
/// 0 when connected, -EINPROGRESS when under way, else a negative errno.
int clinux_connect(int fd, const clinux_address *address);
int clinux_shutdown(int fd, bool reading, bool writing);
int clinux_local_address(int fd, clinux_address *address);
int clinux_peer_address(int fd, clinux_address *address);
int clinux_pending_error(int fd, int *error);
int clinux_peer_credentials(int fd, clinux_credentials *credentials);

int clinux_set_reuse_address(int fd, bool on);
int clinux_set_reuse_port(int fd, bool on);
int clinux_set_v6_only(int fd, bool on);
/// 1 when a listening IPv6 socket takes IPv4 connections too, else 0; -EINVAL when it does not
/// listen.
int clinux_listens_to_v4(int fd);
int clinux_set_no_delay(int fd, bool on);
int clinux_set_cork(int fd, bool on);
/// Probes after `idle` seconds without traffic; ends after `timeout` milliseconds without
/// acknowledgement.
int clinux_set_keep_alive(int fd, int idle, unsigned timeout);
/// Sets the kernel's buffers in bytes; 0 leaves one as it is.
int clinux_set_buffers(int fd, int sending, int receiving);

long clinux_receive(int fd, void *buffer, size_t count);
long clinux_peek(int fd, void *buffer, size_t count);
long clinux_send(int fd, const void *buffer, size_t count, bool more);
/// Sends up to `clinux_packet_descriptors_max` parts at once.
long clinux_send_parts(int fd, const clinux_part *parts, int count, bool more);
long clinux_sendfile(int socket, int file, int64_t *offset, size_t count);

long clinux_send_packet(
    int fd, const void *bytes, size_t count, const int32_t *descriptors, int descriptor_count);
/// 0 or a negative errno; an orderly end shows as a packet of 0 bytes.
int clinux_receive_packet(int fd, void *buffer, size_t count, clinux_packet *packet);
