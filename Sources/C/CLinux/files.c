#include "internal.h"

#include "CLinuxFiles.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int clinux_open(int directory, const char *path, int wanted, uint32_t mode) {
  int flags = O_CLOEXEC | O_NOCTTY;
  bool reads = wanted & clinux_open_read, writes = wanted & clinux_open_write;
  flags |= writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY;
  if (wanted & clinux_open_create) flags |= O_CREAT;
  if (wanted & clinux_open_exclusive) flags |= O_EXCL;
  if (wanted & clinux_open_append) flags |= O_APPEND;
  if (wanted & clinux_open_truncate) flags |= O_TRUNC;
  if (wanted & clinux_open_directory) flags |= O_DIRECTORY;
  if (wanted & clinux_open_temporary) flags |= O_TMPFILE;
  if (wanted & clinux_open_no_follow) flags |= O_NOFOLLOW;
  if (wanted & clinux_open_nonblocking) flags |= O_NONBLOCK;
  if (wanted & clinux_open_place) flags |= O_PATH;
  return CLINUX_CALL(openat(directory, path, flags, (mode_t)mode));
}

int clinux_close(int fd) {
  // Linux frees the number even when close reports EINTR: never repeated.
  return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

int clinux_duplicate(int fd) { return CLINUX_CALL(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

int clinux_set_inheritable(int fd, bool on) {
  return CLINUX_CALL(fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC));
}

int clinux_adopt(int fd) {
  int result = CLINUX_CALL(fcntl(fd, F_SETFD, FD_CLOEXEC));
  if (result < 0) return result;
  int flags = CLINUX_CALL(fcntl(fd, F_GETFL));
  return flags < 0 ? flags : (int)CLINUX_CALL(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

int clinux_pipe(int *reading, int *writing) {
  int ends[2];
  int result = CLINUX_CALL(pipe2(ends, O_CLOEXEC));
  if (result < 0) return result;
  *reading = ends[0];
  *writing = ends[1];
  return 0;
}

int clinux_link_temporary(int fd, int directory, const char *name) {
  char self[32];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  return CLINUX_CALL(linkat(AT_FDCWD, self, directory, name, AT_SYMLINK_FOLLOW));
}

int clinux_link(int from_directory, const char *from, int directory, const char *name) {
  return CLINUX_CALL(linkat(from_directory, from, directory, name, 0));
}

int clinux_symlink(const char *target, int directory, const char *name) {
  return CLINUX_CALL(symlinkat(target, directory, name));
}

int clinux_unlink(int directory, const char *name, bool is_directory) {
  return CLINUX_CALL(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}

int clinux_rename(int from_directory, const char *from, int directory, const char *name) {
  return CLINUX_CALL(renameat(from_directory, from, directory, name));
}

int clinux_mkdir(int directory, const char *name, uint32_t mode) {
  return CLINUX_CALL(mkdirat(directory, name, (mode_t)mode));
}

int clinux_lock(int fd, bool exclusive) {
  return CLINUX_CALL(flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB));
}

int clinux_wait_for_lock(int fd) {
  int result;
  do result = CLINUX_CALL(flock(fd, LOCK_EX));
  while (result == -EINTR);
  return result;
}

int clinux_unlock(int fd) { return CLINUX_CALL(flock(fd, LOCK_UN)); }

int clinux_allocate(int fd, int64_t offset, int64_t count) {
  return CLINUX_CALL(fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, count));
}

int clinux_truncate(int fd, int64_t size) { return CLINUX_CALL(ftruncate(fd, size)); }
int clinux_sync_data(int fd) { return CLINUX_CALL(fdatasync(fd)); }
int clinux_sync(int fd) { return CLINUX_CALL(fsync(fd)); }

long clinux_read_at(int fd, void *buffer, size_t count, int64_t offset) {
  return CLINUX_CALL(pread(fd, buffer, count, offset));
}

long clinux_read_cached_at(int fd, void *buffer, size_t count, int64_t offset) {
  struct iovec part = {buffer, count};
  return CLINUX_CALL(preadv2(fd, &part, 1, offset, RWF_NOWAIT));
}

// cachestat(2) came with Linux 6.5, later than the C library's headers.
enum { call_cachestat = 451, page_size = 4096, probe_distance = 65536 };

static int is_probed(int fd, int64_t offset) {
  char byte;
  long result = clinux_read_cached_at(fd, &byte, 1, offset);
  return result == -EAGAIN ? 0 : result < 0 ? (int)result : 1;
}

int clinux_is_cached(int fd, int64_t offset, int64_t count) {
  if (count <= 0) return 1;
  struct {
    uint64_t offset, length;
  } range = {(uint64_t)offset, (uint64_t)count};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } found = {0};
  if (syscall(call_cachestat, fd, &range, &found, 0) == 0) {
    int64_t pages = (offset + count - 1) / page_size - offset / page_size + 1;
    return found.cached >= (uint64_t)pages;
  }
  for (int64_t at = offset; at < offset + count; at += probe_distance) {
    int result = is_probed(fd, at);
    if (result != 1) return result;
  }
  return is_probed(fd, offset + count - 1);
}

long clinux_write_at(int fd, const void *buffer, size_t count, int64_t offset) {
  return CLINUX_CALL(pwrite(fd, buffer, count, offset));
}

long clinux_write_parts_at(int fd, const clinux_part *parts, int count, int64_t offset) {
  _Static_assert(sizeof(clinux_part) == sizeof(struct iovec), "layout of iovec");
  return CLINUX_CALL(pwritev(fd, (const struct iovec *)parts, count, offset));
}

long clinux_read(int fd, void *buffer, size_t count) { return CLINUX_CALL(read(fd, buffer, count)); }

long clinux_write(int fd, const void *buffer, size_t count) {
  return CLINUX_CALL(write(fd, buffer, count));
}


int clinux_drop_cache(int file) {
  return -posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}
