/*
 * Waits under a timer whose signal interrupts them again and again, as a profiler's does.
 *
 *   cc -O2 -pthread -I tests/clients -o timer tests/clients/timer.c
 *
 * With and without SA_RESTART, for several periods: a wait for what nobody sets lasts as long as it was asked to, and one
 * for what is set before that has its event. One line for each pair; exit status 1 at the first that does not hold.
 */
#include "kfd.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

enum { ASKED_MS = 300, SET_AFTER_MS = 240 };

#define MUST(what) \
    do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, strerror(errno)); exit(1); } } while (0)

static volatile sig_atomic_t signals;
static struct kfd gpu;
static uint32_t event;

static void handler(int signal) {
    (void)signal;
    signals++;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint32_t wait_for(uint32_t milliseconds) {
    struct kfd_event_data data = {.event_id = event};
    struct kfd_ioctl_wait_events_args wait = {
        .events_ptr = (uintptr_t)&data, .num_events = 1, .wait_for_all = 1, .timeout = milliseconds,
    };
    kfd_call(gpu.kfd, AMDKFD_IOC_WAIT_EVENTS, &wait, "WAIT_EVENTS");
    return wait.wait_result;
}

static void *setter(void *unused) {
    (void)unused;
    struct timespec nap = {.tv_nsec = SET_AFTER_MS * 1000000};
    while (nanosleep(&nap, &nap) == -1 && errno == EINTR) {}
    struct kfd_ioctl_set_event_args set = {.event_id = event};
    kfd_call(gpu.kfd, AMDKFD_IOC_SET_EVENT, &set, "SET_EVENT");
    return NULL;
}

int main(void) {
    static const suseconds_t periods[] = {300, 1100, 10101};
    gpu = kfd_attach();
    event = kfd_new_event(gpu.kfd);
    for (int restart = 0; restart < 2; restart++) {
        struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
        MUST(sigaction(SIGALRM, &action, NULL) == 0);
        for (unsigned index = 0; index < sizeof periods / sizeof *periods; index++) {
            struct itimerval timer = {{0, periods[index]}, {0, periods[index]}}, off = {{0, 0}, {0, 0}};
            pthread_t thread;
            sigset_t alarm;
            sigemptyset(&alarm);
            sigaddset(&alarm, SIGALRM);

            signals = 0;
            MUST(setitimer(ITIMER_REAL, &timer, NULL) == 0);
            uint64_t began = now();
            MUST(wait_for(ASKED_MS) == KFD_IOC_WAIT_RESULT_TIMEOUT);
            uint64_t took = now() - began;
            MUST(setitimer(ITIMER_REAL, &off, NULL) == 0);
            MUST(took >= ASKED_MS * 1000000ull);
            MUST(signals > 10);

            /* The setter has the signal blocked, so that it finds the waiter each time. */
            MUST(pthread_sigmask(SIG_BLOCK, &alarm, NULL) == 0);
            MUST(pthread_create(&thread, NULL, setter, NULL) == 0);
            MUST(pthread_sigmask(SIG_UNBLOCK, &alarm, NULL) == 0);
            MUST(setitimer(ITIMER_REAL, &timer, NULL) == 0);
            MUST(wait_for(20000) == KFD_IOC_WAIT_RESULT_COMPLETE);
            MUST(setitimer(ITIMER_REAL, &off, NULL) == 0);
            MUST(pthread_join(thread, NULL) == 0);
            printf("%d ms took %llu us under a timer of %ld us, %s SA_RESTART\n", ASKED_MS,
                   (unsigned long long)took / 1000, (long)periods[index], restart ? "with" : "without");
        }
    }
    return 0;
}
