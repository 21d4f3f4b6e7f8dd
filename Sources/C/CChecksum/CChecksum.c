#include "CChecksum.h"

#include <pthread.h>
#include <string.h>

static uint32_t tables[8][256];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    tables[0][byte] = crc;
  }
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (int row = 1; row < 8; row++) {
      uint32_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8) ^ tables[0][before & 255];
    }
  }
}

uint32_t cchecksum_crc32c_portable(uint32_t crc, const void *bytes, size_t length) {
  pthread_once(&tables_made, make_tables);
  const uint8_t *at = bytes;
  crc = ~crc;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  for (; length >= 8; length -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    word ^= crc;
    crc = tables[7][word & 255] ^ tables[6][word >> 8 & 255] ^ tables[5][word >> 16 & 255] ^
          tables[4][word >> 24 & 255] ^ tables[3][word >> 32 & 255] ^
          tables[2][word >> 40 & 255] ^ tables[1][word >> 48 & 255] ^ tables[0][word >> 56];
  }
#endif
  for (; length > 0; length--, at++) crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 255];
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t crc32c_sse42(uint32_t start, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  uint64_t crc = (uint32_t)~start;
  for (; length >= 8; length -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  uint32_t rest = (uint32_t)crc;
  for (; length > 0; length--, at++) rest = __builtin_ia32_crc32qi(rest, *at);
  return ~rest;
}

static int has_sse42;
static pthread_once_t processor_known = PTHREAD_ONCE_INIT;

static void look_at_processor(void) {
  __builtin_cpu_init();
  has_sse42 = __builtin_cpu_supports("sse4.2");
}
#endif

uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t length) {
#if defined(__x86_64__)
  pthread_once(&processor_known, look_at_processor);
  if (has_sse42) return crc32c_sse42(crc, bytes, length);
#endif
  return cchecksum_crc32c_portable(crc, bytes, length);
}
