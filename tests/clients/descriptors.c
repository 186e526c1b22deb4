/*
 * Calls that take or answer descriptors, without a runtime: memory passed to another process as a dma-buf, and the stream of
 * a device's events.
 *
 *   cc -O2 -I tests/clients -o descriptors tests/clients/descriptors.c
 *   descriptors dmabuf | smi
 *
 * `dmabuf` needs an interface of 1.12. One line for each step; exit status 0 when all hold, 1 otherwise (what was seen is on
 * stderr).
 */
#define _GNU_SOURCE
#include "kfd.h"
#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Newer than some headers. */
struct export_dmabuf {
    uint64_t handle;
    uint32_t flags, dmabuf_fd;
};
#define EXPORT_DMABUF _IOWR('K', 0x24, struct export_dmabuf)

#define BYTES (2 * (uint64_t)KFD_PAGE)

_Noreturn static void fail(const char *what) {
    errno = 0;
    fflush(stdout);
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* Retires one barrier packet whose completion signal is at `completion`, which may be nowhere: 1 when it was retired. */
static int retire(const struct kfd *gpu, uint64_t completion) {
    struct kfd_queue queue = kfd_new_queue(gpu);
    amd_queue_t *state = queue.memory.address;
    hsa_barrier_and_packet_t *ring = state->hsa_queue.base_address;
    uint64_t page = queue.doorbell & ~(uint64_t)(2 * KFD_PAGE - 1);
    char *doorbells = mmap(NULL, 2 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gpu->kfd, (off_t)page);
    if (doorbells == MAP_FAILED) kfd_fail("mmap of the doorbells");
    ring[0].completion_signal.handle = completion;
    __atomic_store_n(&ring[0].header, HSA_PACKET_TYPE_BARRIER_AND, __ATOMIC_RELEASE);
    __atomic_store_n((uint64_t *)&state->write_dispatch_id, 1, __ATOMIC_RELEASE);
    __atomic_store_n((uint64_t *)(doorbells + (queue.doorbell - page)), 0, __ATOMIC_RELEASE);
    for (int waited = 0; waited < 2000; waited++) {
        if (__atomic_load_n((uint64_t *)&state->read_dispatch_id, __ATOMIC_ACQUIRE) == 1) return 1;
        usleep(1000);
    }
    return 0;
}

static void pass(int to, int fd) {
    char byte = 0, room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(control), &fd, sizeof fd);
    if (sendmsg(to, &message, MSG_NOSIGNAL) != 1) kfd_fail("sendmsg");
}

static int taken(int from) {
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int fd = -1;
    if (recvmsg(from, &message, 0) != 1) kfd_fail("recvmsg");
    if (CMSG_FIRSTHDR(&message)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static void must_fail(int result, int errno_wanted, const char *what) {
    if (result != -1 || errno != errno_wanted) {
        fprintf(stderr, "%s: %d, errno %d, not errno %d\n", what, result, errno, errno_wanted);
        exit(1);
    }
}

static int importer(int from) {
    struct kfd gpu = kfd_attach();
    int fd = taken(from);
    struct kfd_ioctl_get_dmabuf_info_args info = {.dmabuf_fd = (uint32_t)fd};
    kfd_call(gpu.kfd, AMDKFD_IOC_GET_DMABUF_INFO, &info, "GET_DMABUF_INFO");
    if (info.size != BYTES || info.gpu_id != gpu.gpu_id || info.flags != KFD_IOC_ALLOC_MEM_FLAGS_GTT)
        fail("GET_DMABUF_INFO tells of something else");
    void *at = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct kfd_ioctl_import_dmabuf_args import = {.va_addr = (uintptr_t)at, .gpu_id = gpu.gpu_id};
    import.dmabuf_fd = 999;
    must_fail(ioctl(gpu.kfd, AMDKFD_IOC_IMPORT_DMABUF, &import), EBADF, "no descriptor");
    import.dmabuf_fd = (uint32_t)from;
    must_fail(ioctl(gpu.kfd, AMDKFD_IOC_IMPORT_DMABUF, &import), EINVAL, "a socket");
    import.dmabuf_fd = (uint32_t)fd;
    kfd_call(gpu.kfd, AMDKFD_IOC_IMPORT_DMABUF, &import, "IMPORT_DMABUF");
    close(fd);
    uint32_t device = gpu.gpu_id;
    struct kfd_ioctl_map_memory_to_gpu_args map = {
        .handle = import.handle,
        .device_ids_array_ptr = (uintptr_t)&device,
        .n_devices = 1,
    };
    kfd_call(gpu.kfd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map, "MAP_MEMORY_TO_GPU");
    if (!retire(&gpu, (uintptr_t)at)) fail("a packet that signals in the imported memory was not retired");
    puts("descriptors: imported");
    return 0;
}

static uint64_t available(const struct kfd *gpu) {
    struct available {
        uint64_t available;
        uint32_t gpu_id, pad;
    } asked = {.gpu_id = gpu->gpu_id};
    kfd_call(gpu->kfd, _IOWR('K', 0x23, struct available), &asked, "AVAILABLE_MEMORY");
    return asked.available;
}

/* Device memory that was exported is available once it is freed: whether its descriptor is closed then, earlier, or never
 * came, because the table of descriptors is full. */
static void freed(const struct kfd *gpu) {
    enum { LATER, EARLIER, NEVER };
    uint64_t before = available(gpu);
    for (int closed = LATER; closed <= NEVER; closed++) {
        struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
            .size = 1 << 20,
            .gpu_id = gpu->gpu_id,
            .flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM | (uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
        };
        kfd_call(gpu->kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc, "ALLOC_MEMORY_OF_GPU");
        struct export_dmabuf export = {.handle = alloc.handle, .flags = O_CLOEXEC};
        if (closed == NEVER) {
            struct rlimit limit, full;
            if (getrlimit(RLIMIT_NOFILE, &limit) != 0) kfd_fail("getrlimit");
            int next = dup(0);
            close(next);
            full = limit;
            full.rlim_cur = (rlim_t)next;
            if (next < 0 || setrlimit(RLIMIT_NOFILE, &full) != 0) kfd_fail("setrlimit");
            must_fail(ioctl(gpu->kfd, EXPORT_DMABUF, &export), EMFILE, "a full table of descriptors");
            if (setrlimit(RLIMIT_NOFILE, &limit) != 0) kfd_fail("setrlimit");
        } else {
            kfd_call(gpu->kfd, EXPORT_DMABUF, &export, "EXPORT_DMABUF");
        }
        if (closed == EARLIER) close((int)export.dmabuf_fd);
        struct kfd_ioctl_free_memory_of_gpu_args free = {.handle = alloc.handle};
        kfd_call(gpu->kfd, AMDKFD_IOC_FREE_MEMORY_OF_GPU, &free, "FREE_MEMORY_OF_GPU");
        if (closed == LATER) {
            if (available(gpu) == before) fail("a descriptor does not hold its memory");
            close((int)export.dmabuf_fd);
        }
        if (available(gpu) != before) {
            fprintf(stderr, "way %d: %llu of %llu bytes are available\n", closed,
                    (unsigned long long)available(gpu), (unsigned long long)before);
            exit(1);
        }
    }
    puts("descriptors: what was exported is available again");
}

static void dmabuf(void) {
    int ends[2], status;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) kfd_fail("socketpair");
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        int code = importer(ends[1]);
        fflush(stdout);
        _exit(code);
    }
    close(ends[1]);
    struct kfd gpu = kfd_attach();
    freed(&gpu);
    struct kfd_buffer memory = kfd_alloc(&gpu, BYTES);
    amd_signal_t *signal = memory.address;
    signal->value = 5;
    struct export_dmabuf export = {.handle = memory.handle, .flags = O_CLOEXEC | O_RDWR};
    kfd_call(gpu.kfd, EXPORT_DMABUF, &export, "EXPORT_DMABUF");
    int fd = (int)export.dmabuf_fd;
    if (fcntl(fd, F_GETFD) != FD_CLOEXEC) fail("the descriptor does not close at an exec, though it was asked to");
    if (lseek(fd, 0, SEEK_END) != (off_t)BYTES) fail("its end is not where the memory's is");
    if (mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED) fail("it can be mapped");
    char byte;
    if (pread(fd, &byte, 1, 0) != -1) fail("it can be read");
    puts("descriptors: exported");
    pass(ends[0], fd);
    close(fd);
    if (waitpid(child, &status, 0) != child || status != 0) fail("the importer failed");
    if (signal->value != 4) fail("the importer's packet did not lower the exporter's signal");
    puts("descriptors: the importer wrote the exporter's memory");
}

static void smi(void) {
    struct kfd gpu = kfd_attach();
    struct kfd_ioctl_smi_events_args events = {.gpuid = gpu.gpu_id};
    kfd_call(gpu.kfd, AMDKFD_IOC_SMI_EVENTS, &events, "SMI_EVENTS");
    int fd = (int)events.anon_fd;
    char line[256], wanted[64];
    must_fail((int)read(fd, line, sizeof line), EAGAIN, "a read of nothing");
    uint64_t mask = KFD_SMI_EVENT_MASK_FROM_INDEX(KFD_SMI_EVENT_VMFAULT);
    if (write(fd, &mask, sizeof mask) != sizeof mask) kfd_fail("write of a mask");
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 0) != 0) fail("there is something to read");
    (void)retire(&gpu, 0x1000); /* nowhere */
    if (poll(&wait, 1, 5000) != 1) fail("the fault is not told");
    ssize_t count = read(fd, line, sizeof line - 1);
    if (count < 0) kfd_fail("read");
    line[count] = 0;
    snprintf(wanted, sizeof wanted, "%x %x:descriptors\n", KFD_SMI_EVENT_VMFAULT, (unsigned)getpid());
    if (strcmp(line, wanted) != 0) {
        fprintf(stderr, "the line is `%s`, not `%s`\n", line, wanted);
        exit(1);
    }
    puts("descriptors: the fault was told");
    (void)retire(&gpu, 0x1000);
    if (poll(&wait, 1, 5000) != 1) fail("the second fault is not told");
    close(fd);
    kfd_call(gpu.kfd, AMDKFD_IOC_SMI_EVENTS, &events, "SMI_EVENTS again");
    puts("descriptors: closed and opened again");
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "dmabuf") == 0) dmabuf();
    else if (strcmp(what, "smi") == 0) smi();
    else return fprintf(stderr, "usage: %s dmabuf | smi\n", argv[0]), 2;
    return 0;
}
