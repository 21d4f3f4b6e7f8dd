#pragma once

#include "CLinuxSockets.h"

/// The TCP port that the name services know under a name, 0 for none. May block.
int clinux_service_port(const char *name);
/// The addresses of a host, without ports: how many were stored, or a negative code for
/// `clinux_host_error_text`. May block.
int clinux_host_addresses(const char *name, clinux_address *addresses, int max);
const char *clinux_host_error_text(int code);
