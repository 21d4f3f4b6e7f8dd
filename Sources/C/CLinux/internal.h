#pragma once

// Shared by the .c files only: GNU names must be asked for before the first system header.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/// Evaluates a call until no signal interrupts it; yields its result or a negative errno.
#define CLINUX_CALL(expression)                      \
  ({                                                 \
    long result_;                                    \
    do {                                             \
      result_ = (long)(expression);                  \
    } while (result_ == -1 && errno == EINTR);       \
    result_ == -1 ? -(long)errno : result_;          \
  })
