/*
 * A checkpointer, as CRIU's plugin is one: it traces a process, keeps what that has, ends it, and makes it again.
 *
 *   cc -O2 -I tests/clients -o checkpoint tests/clients/checkpoint.c
 *
 * The bytes of buffers travel through the render nodes, at the offsets that the buckets say. One line for each property;
 * exit status 1 at the first that does not hold. Needs root. Debian 12's header has all of CRIU_OP.
 */
#include "kfd.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MUST(what) \
    do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, strerror(errno)); exit(1); } } while (0)

#define MAX_BOS 8
#define MARK 0x5eed5eedu
/* Larger is the save area alone, which has what the next save writes. */
#define COPIED_MAX (1u << 16)

struct shared {
    int kfd, render;
    uint64_t doorbell, queue, data;
    uint32_t gpu_id, event;
    struct kfd_ioctl_criu_args info;
    struct kfd_criu_device_bucket devices[8];
    struct kfd_criu_bo_bucket bos[MAX_BOS];
    char private[1 << 16];
    char contents[1 << 20];
};

static struct shared *shared;

/* Stores one barrier packet without a signal and waits until the queue has taken it. */
static bool submit(amd_queue_t *queue, volatile uint64_t *doorbell) {
    uint64_t id = queue->write_dispatch_id;
    hsa_barrier_and_packet_t *packet = (hsa_barrier_and_packet_t *)queue->hsa_queue.base_address;
    packet += id % queue->hsa_queue.size;
    memset((char *)packet + 2, 0, sizeof *packet - 2);
    __atomic_store_n(&packet->header, HSA_PACKET_TYPE_BARRIER_AND, __ATOMIC_RELEASE);
    __atomic_store_n(&queue->write_dispatch_id, id + 1, __ATOMIC_RELEASE);
    *doorbell = id;
    for (int i = 0; i < 20000; i++) {
        if (__atomic_load_n(&queue->read_dispatch_id, __ATOMIC_ACQUIRE) == id + 1) return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

static volatile uint64_t *map_doorbell(int kfd, uint64_t offset) {
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, kfd, (off_t)(offset & ~8191ull));
    MUST(page != MAP_FAILED);
    return (volatile uint64_t *)(page + (offset & 8191));
}

static _Noreturn void first(void) {
    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
    struct kfd gpu = kfd_attach();
    struct kfd_queue made = kfd_new_queue(&gpu);
    amd_queue_t *queue = made.memory.address;
    struct kfd_buffer data = kfd_alloc(&gpu, KFD_PAGE);
    *(uint32_t *)data.address = MARK;
    shared->kfd = gpu.kfd, shared->render = gpu.render, shared->gpu_id = gpu.gpu_id;
    shared->doorbell = made.doorbell;
    shared->queue = (uintptr_t)queue, shared->data = (uintptr_t)data.address;
    shared->event = kfd_new_event(gpu.kfd);
    volatile uint64_t *doorbell = map_doorbell(gpu.kfd, made.doorbell);
    MUST(submit(queue, doorbell) && submit(queue, doorbell));
    raise(SIGSTOP);
    _exit(0);
}

static _Noreturn void second(void) {
    struct kfd gpu = {.kfd = kfd_open_node(), .gpu_id = shared->gpu_id};
    for (unsigned node = 0; node < 64; node++) {
        if (kfd_topology(node, "gpu_id", NULL) != gpu.gpu_id) continue;
        char path[64];
        snprintf(path, sizeof path, "/dev/dri/renderD%lu", kfd_topology(node, "properties", "drm_render_minor"));
        gpu.render = open(path, O_RDWR | O_CLOEXEC);
    }
    MUST(gpu.render > 0);
    struct kfd_ioctl_criu_args args = shared->info;
    args.op = KFD_CRIU_OP_RESTORE;
    MUST(seteuid(65534) == 0);
    MUST(ioctl(gpu.kfd, AMDKFD_IOC_CRIU_OP, &args) == -1 && errno == EACCES);
    MUST(seteuid(0) == 0);
    shared->devices[0].drm_fd = (uint32_t)gpu.render;
    MUST(ioctl(gpu.kfd, AMDKFD_IOC_CRIU_OP, &args) == 0);
    char *from = shared->contents;
    for (unsigned i = 0; i < args.num_bos; i++) {
        struct kfd_criu_bo_bucket *bo = &shared->bos[i];
        MUST(bo->dmabuf_fd == 0xffffffffu);
        void *at = mmap((void *)(uintptr_t)bo->addr, bo->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE,
                        gpu.render, (off_t)bo->restored_offset);
        MUST(at == (void *)(uintptr_t)bo->addr);
        if (bo->size > COPIED_MAX) continue;
        memcpy(at, from, bo->size);
        from += bo->size;
    }
    args.op = KFD_CRIU_OP_RESUME;
    args.pid = (uint32_t)getpid();
    MUST(ioctl(gpu.kfd, AMDKFD_IOC_CRIU_OP, &args) == 0);
    MUST(*(uint32_t *)(uintptr_t)shared->data == MARK);
    amd_queue_t *queue = (amd_queue_t *)(uintptr_t)shared->queue;
    MUST(queue->read_dispatch_id == 2);
    MUST(submit(queue, map_doorbell(gpu.kfd, shared->doorbell)));
    struct kfd_ioctl_set_event_args set = {.event_id = shared->event};
    MUST(ioctl(gpu.kfd, AMDKFD_IOC_SET_EVENT, &set) == 0);
    MUST(kfd_new_event(gpu.kfd) != shared->event);
    _exit(0);
}

static int borrow(pid_t pid, int fd) {
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    MUST(pidfd != -1);
    int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    MUST(got != -1);
    close(pidfd);
    return got;
}

int main(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(shared != MAP_FAILED);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) first();
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    MUST(WIFSTOPPED(status));

    int kfd = borrow(pid, shared->kfd), render = borrow(pid, shared->render);
    struct kfd_ioctl_get_version_args version;
    MUST(ioctl(kfd, AMDKFD_IOC_GET_VERSION, &version) == -1 && errno == EBADF);
    struct kfd_ioctl_criu_args *args = &shared->info;
    args->op = KFD_CRIU_OP_PROCESS_INFO;
    MUST(ioctl(kfd, AMDKFD_IOC_CRIU_OP, args) == 0);
    MUST(args->pid == (uint32_t)pid && args->num_devices == 1 && args->num_bos == 4 && args->num_objects == 2);
    MUST(args->priv_data_size <= sizeof shared->private);
    args->op = KFD_CRIU_OP_CHECKPOINT;
    args->devices = (uintptr_t)shared->devices;
    args->bos = (uintptr_t)shared->bos;
    args->priv_data = (uintptr_t)shared->private;
    MUST(ioctl(kfd, AMDKFD_IOC_CRIU_OP, args) == 0);
    puts("a tracer checkpoints through the file of the process that it traces");
    char *to = shared->contents;
    for (unsigned i = 0; i < args->num_bos; i++) {
        struct kfd_criu_bo_bucket *bo = &shared->bos[i];
        if (bo->size > COPIED_MAX) continue;
        MUST(to + bo->size <= shared->contents + sizeof shared->contents);
        void *at = mmap(NULL, bo->size, PROT_READ, MAP_SHARED, render, (off_t)bo->offset);
        MUST(at != MAP_FAILED);
        memcpy(to, at, bo->size);
        MUST(munmap(at, bo->size) == 0);
        to += bo->size;
    }
    close(render);
    MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
    MUST(ioctl(kfd, AMDKFD_IOC_CRIU_OP, args) == -1 && errno == EBADF);
    close(kfd);

    pid = fork();
    MUST(pid >= 0);
    if (pid == 0) second();
    MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    puts("another process has its buffers, its queue and its event, and goes on");
    return 0;
}
