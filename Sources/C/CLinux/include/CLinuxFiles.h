#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CLinuxSockets.h"

/// What a caller may ask of `clinux_open`, joined by `|`.
enum {
  clinux_open_read = 1,
  clinux_open_write = 2,
  clinux_open_create = 4,
  clinux_open_exclusive = 8,
  clinux_open_append = 16,
  clinux_open_truncate = 32,
  clinux_open_directory = 64,
  clinux_open_temporary = 128,
  clinux_open_no_follow = 256,
  clinux_open_nonblocking = 512,
  clinux_open_place = 1024,
};

/// Stands for the working directory where a call takes a directory.
static const int clinux_working_directory = -100;

/// What is known of a file.
typedef struct clinux_file_status {
  uint64_t device;
  uint64_t inode;
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  uint64_t links;
  int64_t size;
  int64_t allocated;
  int64_t modified_us;
  int64_t changed_ns;
} clinux_file_status;

/// The space and kind of a file system; sizes in bytes.
typedef struct clinux_space {
  uint64_t type;
  uint64_t total;
  uint64_t available;
  uint64_t files_available;
} clinux_space;

int clinux_open(int directory, const char *path, int wanted, uint32_t mode);
int clinux_close(int fd);
int clinux_duplicate(int fd);
int clinux_set_inheritable(int fd, bool on);
/// Makes an inherited descriptor close on exec and not wait.
int clinux_adopt(int fd);
int clinux_pipe(int *reading, int *writing);

int clinux_link_temporary(int fd, int directory, const char *name);
int clinux_link(int from_directory, const char *from, int directory, const char *name);
int clinux_symlink(const char *target, int directory, const char *name);
int clinux_unlink(int directory, const char *name, bool is_directory);
int clinux_rename(int from_directory, const char *from, int directory, const char *name);
int clinux_mkdir(int directory, const char *name, uint32_t mode);
/// 0, or -EWOULDBLOCK when another open description holds the lock.
int clinux_lock(int fd, bool exclusive);
int clinux_wait_for_lock(int fd);
int clinux_unlock(int fd);

int clinux_allocate(int fd, int64_t offset, int64_t count);
int clinux_truncate(int fd, int64_t size);
int clinux_sync_data(int fd);
int clinux_drop_cache(int fd);
int clinux_sync(int fd);
long clinux_read_at(int fd, void *buffer, size_t count, int64_t offset);
long clinux_read_cached_at(int fd, void *buffer, size_t count, int64_t offset);
/// Whether a part of a file is in memory: 1 or 0. Where the kernel cannot count pages, or does not
/// tell this user, some places of the part are looked at.
int clinux_is_cached(int fd, int64_t offset, int64_t count);
long clinux_write_at(int fd, const void *buffer, size_t count, int64_t offset);
long clinux_write_parts_at(int fd, const clinux_part *parts, int count, int64_t offset);
long clinux_read(int fd, void *buffer, size_t count);
long clinux_write(int fd, const void *buffer, size_t count);

int clinux_status(int fd, clinux_file_status *status);
int clinux_status_at(int directory, const char *path, bool follow, clinux_file_status *status);
bool clinux_mode_is_directory(uint32_t mode);
bool clinux_mode_is_character_device(uint32_t mode);
bool clinux_mode_is_regular(uint32_t mode);
bool clinux_mode_is_socket(uint32_t mode);
int clinux_space_of(int fd, clinux_space *space);
int clinux_owner(int fd, uint32_t uid, uint32_t gid);
int clinux_owner_at(int directory, const char *path, uint32_t uid, uint32_t gid);
int clinux_mode(int fd, uint32_t mode);
int clinux_mode_at(int directory, const char *path, uint32_t mode);
long clinux_read_link(const char *path, char *buffer, size_t count);
int clinux_memory_file(const char *name);
/// Makes a memory file immutable.
int clinux_seal(int fd);
/// Fixes the size of a memory file; its content stays writable.
int clinux_seal_size(int fd);

/// Maps the start of a file for reading and writing, shared with all who map it.
int clinux_map_shared(int fd, size_t size, void **address);
int clinux_unmap(void *address, size_t size);

/// Stores a word that another process may read at any time. The barrier keeps the compiler from
/// moving it past the work that it announces: what a process that dies has stored can be read.
static inline void clinux_store_word(uint64_t *word, uint64_t value) {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
static inline uint64_t clinux_load_word(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/// Adds to a word that other processes change at the same time; gives what it was before.
static inline uint64_t clinux_add_word(uint64_t *word, uint64_t amount) {
  return __atomic_fetch_add(word, amount, __ATOMIC_SEQ_CST);
}
/// Stores a word if it still is what it was when it was read; tells whether it did.
static inline bool clinux_exchange_word(uint64_t *word, uint64_t expected, uint64_t value) {
  return __atomic_compare_exchange_n(
      word, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
/// Makes a part of a memory file zeros and gives its memory back.
int clinux_erase(int fd, int64_t offset, int64_t count);

/// A raw block of directory entries; walk it with `clinux_entry_name`.
long clinux_directory_block(int fd, void *buffer, size_t count);
/// The name at `*offset`, which moves to the next entry.
const char *clinux_entry_name(const void *buffer, size_t *offset);
/// Sets the reading position of an open file or directory to its start.
int clinux_rewind(int fd);
