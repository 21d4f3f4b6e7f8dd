#include "internal.h"

#include "CLinuxIdentity.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

static int found(int error, const void *result) {
  if (result != NULL) return 1;
  // Name services report a missing entry in several ways.
  if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return 0;
  return -error;
}

static int fill(int error, const struct passwd *entry, clinux_account *account) {
  if (entry != NULL)
    *account = (clinux_account){
        entry->pw_uid, entry->pw_gid, entry->pw_name, entry->pw_dir, entry->pw_shell};
  return found(error, entry);
}

int clinux_account_by_name(const char *name, clinux_account *account, char *buffer, int count) {
  struct passwd space, *entry = NULL;
  int error;
  do error = getpwnam_r(name, &space, buffer, count, &entry);
  while (error == EINTR);
  return fill(error, entry, account);
}

int clinux_account_by_uid(uint32_t uid, clinux_account *account, char *buffer, int count) {
  struct passwd space, *entry = NULL;
  int error;
  do error = getpwuid_r(uid, &space, buffer, count, &entry);
  while (error == EINTR);
  return fill(error, entry, account);
}

int clinux_group_by_name(const char *name, clinux_account *group, char *buffer, int count) {
  struct group space, *entry = NULL;
  int error;
  do error = getgrnam_r(name, &space, buffer, count, &entry);
  while (error == EINTR);
  if (entry != NULL) *group = (clinux_account){0, entry->gr_gid, entry->gr_name, "", ""};
  return found(error, entry);
}

uint32_t clinux_own_uid(void) { return geteuid(); }
uint32_t clinux_own_gid(void) { return getegid(); }

int clinux_become(const char *name, uint32_t uid, uint32_t gid, int64_t extra) {
  gid_t groups[2] = {gid, (gid_t)extra};
  int result = name != NULL ? CLINUX_CALL(initgroups(name, gid))
                            : CLINUX_CALL(setgroups(extra < 0 ? 1 : 2, groups));
  if (result == 0) result = CLINUX_CALL(setresgid(gid, gid, gid));
  if (result == 0) result = CLINUX_CALL(setresuid(uid, uid, uid));
  if (result < 0) return result;
  uid_t real, effective, saved;
  gid_t real_group, effective_group, saved_group;
  if (getresuid(&real, &effective, &saved) != 0) return -errno;
  if (getresgid(&real_group, &effective_group, &saved_group) != 0) return -errno;
  if (real != uid || effective != uid || saved != uid) return -EPERM;
  if (real_group != gid || effective_group != gid || saved_group != gid) return -EPERM;
  if (uid != 0 && setresuid(0, 0, 0) == 0) return -EPERM;
  return 0;
}
