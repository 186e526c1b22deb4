/*
 * Attaches, makes queues and an event, optionally touches memory, parks a thread in WAIT_EVENTS and stays so until it
 * is killed: something to kill, list or watch.
 *
 *   cc -O2 -pthread -I tests/clients -o hold tests/clients/hold.c
 *   hold [QUEUES [MIB [SECONDS]]]     default: 1 queue, nothing touched, for ever
 *
 * When all is in place it prints `holding TGID`. With SECONDS it ends by itself after that time, with status 0.
 */
#include "kfd.h"
#include <pthread.h>
#include <sys/prctl.h>

struct waiter {
    int kfd;
    uint32_t event;
};

static void *park(void *argument) {
    struct waiter *waiter = argument;
    prctl(PR_SET_NAME, "waiter");
    struct kfd_event_data event = {.event_id = waiter->event};
    struct kfd_ioctl_wait_events_args wait = {
        .events_ptr = (uintptr_t)&event,
        .num_events = 1,
        .timeout = 0xfffffffe, /* what the HSA runtime passes: 49 days */
    };
    kfd_call(waiter->kfd, AMDKFD_IOC_WAIT_EVENTS, &wait, "WAIT_EVENTS");
    fprintf(stderr, "WAIT_EVENTS returned with result %u\n", wait.wait_result);
    exit(1);
}

static unsigned long number(int argc, char **argv, int index, unsigned long otherwise) {
    if (index >= argc) return otherwise;
    char *end;
    unsigned long value = strtoul(argv[index], &end, 10);
    if (*argv[index] == '\0' || *end != '\0') {
        fprintf(stderr, "usage: %s [QUEUES [MIB [SECONDS]]]\n", argv[0]);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv) {
    unsigned long queues = number(argc, argv, 1, 1), mib = number(argc, argv, 2, 0), seconds = number(argc, argv, 3, 0);
    struct kfd gpu = kfd_attach();
    for (unsigned long i = 0; i < queues; i++) kfd_new_queue(&gpu);
    struct waiter waiter = {.kfd = gpu.kfd, .event = kfd_new_event(gpu.kfd)};
    if (mib > 0) {
        size_t size = mib << 20;
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) kfd_fail("mmap of memory to touch");
        madvise(memory, size, MADV_NOHUGEPAGE); /* small pages take the kernel longest to free */
        for (size_t at = 0; at < size; at += KFD_PAGE) memory[at] = 1;
    }
    pthread_t thread;
    errno = pthread_create(&thread, NULL, park, &waiter);
    if (errno) kfd_fail("pthread_create");
    /* The thread says nothing when it is parked; it is asleep inside the ioctl when /proc says so. */
    usleep(20000);
    printf("holding %d\n", getpid());
    fflush(stdout);
    if (seconds == 0)
        for (;;) pause();
    sleep((unsigned)seconds);
    return 0;
}
