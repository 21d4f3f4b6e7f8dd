#pragma once

#include <stdbool.h>
#include <stddef.h>

/// Called with each job that no executor claims.
typedef void (*clinux_job_sink)(void *job);

/// Sends the jobs of Swift's global executor to `sink` from now on.
/// The variable behind it is exported by the concurrency runtime but is no documented interface:
/// callers check that it took effect.
void clinux_claim_global_jobs(clinux_job_sink sink);

/// Marks the calling thread as the reactor's.
void clinux_mark_reactor_thread(void);
/// Whether the calling thread is the reactor's.
bool clinux_is_reactor_thread(void);

/// Starts a thread with all signals blocked; 0 or a negative errno.
/// `thread` receives a handle for `clinux_thread_join` or `clinux_thread_detach`.
int clinux_thread_start(
    const char *name, void *(*body)(void *), void *argument, unsigned long *thread);
int clinux_thread_join(unsigned long thread);
int clinux_thread_detach(unsigned long thread);

/// A mutex with a condition variable, made by `clinux_latch_create`.
typedef struct clinux_latch clinux_latch;
clinux_latch *clinux_latch_create(void);
void clinux_latch_destroy(clinux_latch *latch);
void clinux_latch_lock(clinux_latch *latch);
void clinux_latch_unlock(clinux_latch *latch);
void clinux_latch_wait(clinux_latch *latch);
void clinux_latch_signal(clinux_latch *latch);
