#ifndef CCHECKSUM_H
#define CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// CRC-32C (Castagnoli, reflected, as in RFC 3720) of `length` bytes, continued from `crc`.
// Start with 0; the value of one call is the start of the next. Uses the processor's
// instruction where there is one.
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t length);

// The same by tables, on every processor; the tests compare the two.
uint32_t cchecksum_crc32c_portable(uint32_t crc, const void *bytes, size_t length);

#endif
