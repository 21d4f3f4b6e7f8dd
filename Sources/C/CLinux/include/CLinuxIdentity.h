#pragma once

#include <stdint.h>

/// An account or a group; texts lie in the caller's buffer.
typedef struct clinux_account {
  uint32_t uid;
  uint32_t gid;
  const char *name;
  const char *home;
  const char *shell;
} clinux_account;

/// 1 when found, 0 when there is no such account, -ERANGE when the buffer is too small.
int clinux_account_by_name(const char *name, clinux_account *account, char *buffer, int count);
int clinux_account_by_uid(uint32_t uid, clinux_account *account, char *buffer, int count);
/// As above, for a group: only `gid` and `name` are set.
int clinux_group_by_name(const char *name, clinux_account *group, char *buffer, int count);

uint32_t clinux_own_uid(void);
uint32_t clinux_own_gid(void);
/// Takes the groups of `name` (or only `gid` when NULL) and the ids for good, and checks it.
int clinux_become(const char *name, uint32_t uid, uint32_t gid, int64_t extra);
