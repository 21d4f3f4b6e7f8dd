#include "internal.h"

#include "CLinuxFiles.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static void fill(clinux_file_status *status, const struct stat *from) {
  *status = (clinux_file_status){
      .device = from->st_dev,
      .inode = from->st_ino,
      .mode = from->st_mode,
      .uid = from->st_uid,
      .gid = from->st_gid,
      .links = from->st_nlink,
      .size = from->st_size,
      .allocated = (int64_t)from->st_blocks * 512,
      .modified_us = (int64_t)from->st_mtim.tv_sec * 1000000 + from->st_mtim.tv_nsec / 1000,
      .changed_ns = (int64_t)from->st_ctim.tv_sec * 1000000000 + from->st_ctim.tv_nsec,
  };
}

int clinux_status(int fd, clinux_file_status *status) {
  struct stat found;
  int result = CLINUX_CALL(fstat(fd, &found));
  if (result == 0) fill(status, &found);
  return result;
}

int clinux_status_at(int directory, const char *path, bool follow, clinux_file_status *status) {
  struct stat found;
  int result = CLINUX_CALL(fstatat(directory, path, &found, follow ? 0 : AT_SYMLINK_NOFOLLOW));
  if (result == 0) fill(status, &found);
  return result;
}

bool clinux_mode_is_directory(uint32_t mode) { return S_ISDIR(mode); }
bool clinux_mode_is_character_device(uint32_t mode) { return S_ISCHR(mode); }
bool clinux_mode_is_regular(uint32_t mode) { return S_ISREG(mode); }
bool clinux_mode_is_socket(uint32_t mode) { return S_ISSOCK(mode); }

int clinux_space_of(int fd, clinux_space *space) {
  struct statfs found;
  int result = CLINUX_CALL(fstatfs(fd, &found));
  if (result < 0) return result;
  *space = (clinux_space){
      .type = (uint32_t)found.f_type,
      .total = (uint64_t)found.f_blocks * found.f_bsize,
      .available = (uint64_t)found.f_bavail * found.f_bsize,
      .files_available = found.f_ffree,
  };
  return 0;
}

int clinux_owner(int fd, uint32_t uid, uint32_t gid) { return CLINUX_CALL(fchown(fd, uid, gid)); }

int clinux_owner_at(int directory, const char *path, uint32_t uid, uint32_t gid) {
  return CLINUX_CALL(fchownat(directory, path, uid, gid, AT_SYMLINK_NOFOLLOW));
}

int clinux_mode(int fd, uint32_t mode) { return CLINUX_CALL(fchmod(fd, (mode_t)mode)); }

int clinux_mode_at(int directory, const char *path, uint32_t mode) {
  return CLINUX_CALL(fchmodat(directory, path, (mode_t)mode, 0));
}

long clinux_read_link(const char *path, char *buffer, size_t count) {
  return CLINUX_CALL(readlink(path, buffer, count));
}

int clinux_memory_file(const char *name) {
  return CLINUX_CALL(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

int clinux_seal(int fd) {
  int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  return CLINUX_CALL(fcntl(fd, F_ADD_SEALS, seals));
}

long clinux_directory_block(int fd, void *buffer, size_t count) {
  return CLINUX_CALL(syscall(SYS_getdents64, fd, buffer, count));
}

int clinux_seal_size(int fd) {
  return CLINUX_CALL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW));
}

int clinux_map_shared(int fd, size_t size, void **address) {
  void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return -errno;
  *address = mapped;
  return 0;
}

int clinux_erase(int fd, int64_t offset, int64_t count) {
  return CLINUX_CALL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count));
}

int clinux_unmap(void *address, size_t size) { return CLINUX_CALL(munmap(address, size)); }

const char *clinux_entry_name(const void *buffer, size_t *offset) {
  const struct dirent64 *entry = (const void *)((const char *)buffer + *offset);
  *offset += entry->d_reclen;
  return entry->d_name;
}

int clinux_rewind(int fd) {
  long result = CLINUX_CALL(lseek(fd, 0, SEEK_SET));
  return result < 0 ? (int)result : 0;
}
