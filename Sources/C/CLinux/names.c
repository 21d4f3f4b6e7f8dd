#include "internal.h"

#include "CLinuxNames.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int clinux_service_port(const char *name) {
  struct servent space, *entry = NULL;
  char buffer[4096];
  int error;
  do error = getservbyname_r(name, "tcp", &space, buffer, sizeof buffer, &entry);
  while (error == EINTR);
  return entry != NULL ? ntohs((uint16_t)entry->s_port) : 0;
}

int clinux_host_addresses(const char *name, clinux_address *addresses, int max) {
  struct addrinfo *found = NULL;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  int error = getaddrinfo(name, NULL, &hints, &found);
  if (error != 0) return error;
  int count = 0;
  for (struct addrinfo *next = found; next != NULL && count < max; next = next->ai_next) {
    if (next->ai_addrlen > sizeof addresses[count].bytes) continue;
    memcpy(addresses[count].bytes, next->ai_addr, next->ai_addrlen);
    addresses[count].length = next->ai_addrlen;
    count++;
  }
  freeaddrinfo(found);
  return count;
}

const char *clinux_host_error_text(int code) { return gai_strerror(code); }
