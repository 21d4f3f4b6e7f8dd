#include "internal.h"

#include "CLinuxSockets.h"

#include <endian.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

void clinux_address_v4(clinux_address *address, uint32_t bits, uint16_t port) {
  struct sockaddr_in in = {
      .sin_family = AF_INET, .sin_port = htobe16(port), .sin_addr.s_addr = htobe32(bits)};
  memcpy(address->bytes, &in, sizeof in);
  address->length = sizeof in;
}

void clinux_address_v6(clinux_address *address, uint64_t high, uint64_t low, uint16_t port) {
  struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htobe16(port)};
  uint64_t halves[2] = {htobe64(high), htobe64(low)};
  memcpy(&in.sin6_addr, halves, sizeof halves);
  memcpy(address->bytes, &in, sizeof in);
  address->length = sizeof in;
}

bool clinux_address_path(clinux_address *address, const char *path) {
  struct sockaddr_un un = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof un.sun_path) return false;
  memcpy(un.sun_path, path, length);
  bool is_abstract = path[0] == '@';
  if (is_abstract) un.sun_path[0] = 0;
  memcpy(address->bytes, &un, sizeof un);
  address->length = offsetof(struct sockaddr_un, sun_path) + length + (is_abstract ? 0 : 1);
  return true;
}

static sa_family_t family(const clinux_address *address) {
  if (address->length < sizeof(sa_family_t)) return AF_UNSPEC;
  return ((const struct sockaddr *)address->bytes)->sa_family;
}

int clinux_address_kind(const clinux_address *address) {
  switch (family(address)) {
    case AF_INET: return 4;
    case AF_INET6: return 6;
    case AF_UNIX: return 1;
    default: return 0;
  }
}

uint16_t clinux_address_port(const clinux_address *address) {
  // The port lies at the same place in both families.
  return be16toh(((const struct sockaddr_in *)address->bytes)->sin_port);
}

uint32_t clinux_address_bits(const clinux_address *address) {
  return be32toh(((const struct sockaddr_in *)address->bytes)->sin_addr.s_addr);
}

void clinux_address_halves(const clinux_address *address, uint64_t *high, uint64_t *low) {
  uint64_t halves[2];
  memcpy(halves, &((const struct sockaddr_in6 *)address->bytes)->sin6_addr, sizeof halves);
  *high = be64toh(halves[0]);
  *low = be64toh(halves[1]);
}

const char *clinux_address_path_text(const clinux_address *address) {
  const struct sockaddr_un *un = (const struct sockaddr_un *)address->bytes;
  if (address->length <= offsetof(struct sockaddr_un, sun_path) || un->sun_path[0] == 0) return "";
  return un->sun_path;
}
