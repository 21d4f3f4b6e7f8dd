#include "internal.h"

#include "CLinuxExecutor.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef __attribute__((swiftcall)) void (*original_enqueue)(void *job);
typedef __attribute__((swiftcall)) void (*enqueue_hook)(void *job, original_enqueue original);

extern enqueue_hook swift_task_enqueueGlobal_hook;

static clinux_job_sink job_sink;

static __attribute__((swiftcall)) void claim(void *job, original_enqueue original) {
  (void)original;
  job_sink(job);
}

void clinux_claim_global_jobs(clinux_job_sink sink) {
  job_sink = sink;
  swift_task_enqueueGlobal_hook = claim;
}

static _Thread_local bool is_reactor_thread;

void clinux_mark_reactor_thread(void) { is_reactor_thread = true; }

bool clinux_is_reactor_thread(void) { return is_reactor_thread; }

int clinux_thread_start(
    const char *name, void *(*body)(void *), void *argument, unsigned long *thread) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t handle;
  int error = pthread_create(&handle, NULL, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error != 0) return -error;
  char shortened[16] = {0};
  strncpy(shortened, name, sizeof shortened - 1);
  pthread_setname_np(handle, shortened);
  *thread = handle;
  return 0;
}

int clinux_thread_join(unsigned long thread) { return -pthread_join((pthread_t)thread, NULL); }

int clinux_thread_detach(unsigned long thread) { return -pthread_detach((pthread_t)thread); }

struct clinux_latch {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
};

clinux_latch *clinux_latch_create(void) {
  clinux_latch *latch = calloc(1, sizeof *latch);
  if (latch == NULL) abort();
  pthread_mutex_init(&latch->mutex, NULL);
  pthread_cond_init(&latch->condition, NULL);
  return latch;
}

void clinux_latch_destroy(clinux_latch *latch) {
  pthread_cond_destroy(&latch->condition);
  pthread_mutex_destroy(&latch->mutex);
  free(latch);
}

void clinux_latch_lock(clinux_latch *latch) { pthread_mutex_lock(&latch->mutex); }
void clinux_latch_unlock(clinux_latch *latch) { pthread_mutex_unlock(&latch->mutex); }
void clinux_latch_wait(clinux_latch *latch) { pthread_cond_wait(&latch->condition, &latch->mutex); }
void clinux_latch_signal(clinux_latch *latch) { pthread_cond_signal(&latch->condition); }
