/* A wall clock that can be set, for processes started with LD_PRELOAD: the file STREIFE_TEST_CLOCK holds, as one 64-bit integer, by how many
 * seconds it is off. The monotonic clock goes on undisturbed, as it does when an administrator sets a machine's clock.
 *
 * Waits until a time of the wall clock (librdkafka has them) end as they would on such a machine: early after a jump ahead, late after a jump
 * back. libfaketime does not reach them. Built by tests/suites/fault_servers.py: cc -shared -fPIC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 20000000L /* waiting is looked at again so often */
#define SECOND_NS 1000000000L

static const volatile int64_t *offset;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("STREIFE_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offset = mapped;
}

static void real_now(struct timespec *now) { syscall(SYS_clock_gettime, CLOCK_REALTIME, now); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (syscall(SYS_clock_gettime, clock, now) != 0) return -1;
    if (offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    if (out) *out = at.tv_sec;
    return at.tv_sec;
}

static int has_come(const struct timespec *deadline) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict deadline) {
    static int (*wait)(cnd_t *, mtx_t *, const struct timespec *);
    if (!wait) wait = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec until;
    real_now(&until);
    if (!has_come(deadline)) {
        until.tv_nsec += SLICE_NS;
        if (until.tv_nsec >= SECOND_NS) {
            until.tv_nsec -= SECOND_NS;
            until.tv_sec += 1;
        }
    }
    int result = wait(condition, mutex, &until);
    /* Not yet: whoever waits looks at its condition and waits again, as after any wake-up without cause. */
    return result == thrd_timedout && !has_come(deadline) ? thrd_success : result;
}
