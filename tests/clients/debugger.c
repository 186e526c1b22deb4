/*
 * A debugger and its target, by ptrace and DBG_TRAP, without a runtime.
 *
 *   cc -O2 -I tests/clients -o debugger tests/clients/debugger.c
 *
 * The debugger comes before its target has opened anything, lets its runtime pass, is told of its queue, lists, suspends
 * and resumes it. One line for each property; exit status 1 at the first that does not hold. Needs a device of interface
 * 1.13. The structs are those of linux/kfd_ioctl.h of interface 1.13, which Debian 12's header is older than.
 */
#include "kfd.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

struct dbg_trap {
    uint32_t pid, op;
    union {
        struct { uint64_t exceptions, rinfo_ptr; uint32_t rinfo_size, dbg_fd; } enable;
        struct { uint64_t exceptions; uint32_t gpu_id, queue_id; } event;
        struct { uint64_t exceptions, array; uint32_t count, grace; } suspend;
        struct { uint64_t array; uint32_t count, pad; } resume;
        struct { uint64_t exceptions, buffer; uint32_t count, entry_size; } snapshot;
    };
};
struct runtime_enable { uint64_t r_debug; uint32_t mode, capabilities; };
struct runtime_info { uint64_t r_debug; uint32_t state, ttmp; };
struct queue_entry {
    uint64_t exceptions, ring, write, read, save;
    uint32_t queue_id, gpu_id, ring_size, type, save_size, reserved;
};

#define RUNTIME_ENABLE _IOWR('K', 0x25, struct runtime_enable)
#define DBG_TRAP _IOWR('K', 0x26, struct dbg_trap)
enum { ENABLE = 0, DISABLE = 1, SEND_RUNTIME_EVENT = 2, SUSPEND = 6, RESUME = 7, QUERY = 11, QUEUES = 13 };
#define RUNTIME (1ull << 47)
#define NEW (1ull << 30)
#define INVALID (1u << 31)
#define PATIENCE_MS 20000

static int debugger;

#define MUST(what) \
    do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, strerror(errno)); exit(1); } } while (0)

static int trap(struct dbg_trap *request, pid_t pid, uint32_t op) {
    request->pid = (uint32_t)pid;
    request->op = op;
    return ioctl(debugger, DBG_TRAP, request);
}

static _Noreturn void target(void) {
    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
    raise(SIGSTOP);
    struct kfd gpu = kfd_attach();
    struct runtime_enable enable = {.r_debug = 0x1234, .mode = 1};
    kfd_call(gpu.kfd, RUNTIME_ENABLE, &enable, "RUNTIME_ENABLE");
    kfd_new_queue(&gpu);
    for (;;) pause();
}

static void must_be_told(int pipe) {
    struct pollfd look = {.fd = pipe, .events = POLLIN};
    char byte;
    MUST(poll(&look, 1, PATIENCE_MS) == 1);
    MUST(read(pipe, &byte, 1) == 1);
}

int main(void) {
    debugger = kfd_open_node();
    int events[2];
    MUST(pipe(events) == 0);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) target();
    int status;
    MUST(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));

    struct runtime_info info = {.state = 77};
    struct dbg_trap request = {.enable = {NEW | RUNTIME, (uintptr_t)&info, sizeof info, 9999}};
    MUST(trap(&request, pid, ENABLE) == -1 && errno == EBADF);
    MUST(trap(&request, getppid(), ENABLE) == -1 && errno == ESRCH);
    request.enable.dbg_fd = (uint32_t)events[1];
    MUST(trap(&request, pid, ENABLE) == 0 && info.state == 0);
    MUST(trap(&request, pid, ENABLE) == -1 && errno == EALREADY);
    puts("attached before anything was opened");

    MUST(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    must_be_told(events[0]);
    request = (struct dbg_trap){.event = {0}};
    MUST(trap(&request, pid, QUERY) == 0 && request.event.exceptions == RUNTIME);
    request = (struct dbg_trap){.event = {RUNTIME, 0, 0}};
    MUST(trap(&request, pid, SEND_RUNTIME_EVENT) == 0);
    must_be_told(events[0]);
    puts("the runtime waited for its debugger");

    request = (struct dbg_trap){.event = {RUNTIME, 0, 0}};
    while (trap(&request, pid, QUERY) == 0 && !(request.event.exceptions & NEW)) request.event.exceptions = RUNTIME;
    uint32_t queue = request.event.queue_id, ids[2] = {queue, 500};
    request = (struct dbg_trap){.suspend = {0, (uintptr_t)ids, 2, 0}};
    MUST(trap(&request, pid, SUSPEND) == 0 && ids[0] == (queue | INVALID) && ids[1] == (500 | INVALID));
    struct queue_entry entries[4] = {0};
    request = (struct dbg_trap){.snapshot = {NEW, (uintptr_t)entries, 4, sizeof entries[0]}};
    MUST(trap(&request, pid, QUEUES) == 0 && request.snapshot.count == 1);
    MUST(entries[0].queue_id == queue && entries[0].exceptions == NEW && entries[0].ring_size == KFD_PAGE);
    puts("its queue is told and listed");

    ids[0] = queue;
    request = (struct dbg_trap){.suspend = {0, (uintptr_t)ids, 2, 0}};
    MUST(trap(&request, pid, SUSPEND) == 1 && ids[0] == queue);
    request = (struct dbg_trap){.resume = {0, 0, 0}};
    MUST(trap(&request, pid, RESUME) == 1);
    puts("it is suspended and resumed");

    MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    MUST(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
    MUST(trap(&request, pid, RESUME) == -1 && errno == EPERM);
    MUST(trap(&request, pid, DISABLE) == 0);
    MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
    MUST(trap(&request, pid, ENABLE) == -1 && errno == ESRCH);
    puts("who does not trace is refused; the dead are nobody");
    return 0;
}
