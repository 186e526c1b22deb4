/*
 * A small KFD client without a runtime, for the test programs beside it: one GPU, GTT memory, AQL queues.
 *
 * Built with `-I tests/clients`; needs linux-libc-dev, and libhsa-runtime-dev for amd_queue_t. Everything fails loudly:
 * what was refused and its errno go to stderr, and the program ends with status 1.
 */
#ifndef KFD_CLIENT_H
#define KFD_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <hsa/amd_hsa_queue.h>
#include <linux/kfd_ioctl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define KFD_NODES "/sys/devices/virtual/kfd/kfd/topology/nodes"
#define KFD_PAGE 4096u

struct kfd {
    int kfd;
    int render;
    uint32_t gpu_id;
    unsigned node; /* of the topology */
};

struct kfd_buffer {
    uint64_t handle;
    void *address;
    uint64_t size;
};

struct kfd_queue {
    uint32_t id;
    uint64_t doorbell; /* offset in the kfd node */
    struct kfd_buffer memory; /* one page of amd_queue_t; one page of ring follows it, a buffer of its own */
};

_Noreturn static inline void kfd_fail(const char *what) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline void kfd_call(int fd, unsigned long number, void *argument, const char *name) {
    int result;
    do result = ioctl(fd, number, argument);
    while (result == -1 && (errno == EINTR || errno == EAGAIN));
    if (result == -1) kfd_fail(name);
}

/* A number out of a topology file: the first one, or the one after `key`. 0 when there is none. */
static inline unsigned long kfd_topology(unsigned node, const char *file, const char *key) {
    char path[128], line[128];
    unsigned long found = 0;
    snprintf(path, sizeof path, KFD_NODES "/%u/%s", node, file);
    FILE *in = fopen(path, "r");
    if (!in) return 0;
    while (fgets(line, sizeof line, in)) {
        size_t length = key ? strlen(key) : 0;
        if (!key || (strncmp(line, key, length) == 0 && line[length] == ' ')) {
            found = strtoul(line + length, NULL, 10);
            break;
        }
    }
    fclose(in);
    return found;
}

static inline int kfd_open_node(void) {
    int fd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
    if (fd == -1) kfd_fail("open /dev/kfd");
    return fd;
}

/* Opens the first GPU of the topology and binds its VM to this process. */
static inline struct kfd kfd_attach(void) {
    struct kfd gpu = {.kfd = kfd_open_node(), .render = -1};
    for (unsigned node = 0; node < 64 && gpu.gpu_id == 0; node++) {
        gpu.gpu_id = (uint32_t)kfd_topology(node, "gpu_id", NULL);
        if (gpu.gpu_id == 0) continue;
        gpu.node = node;
        char path[64];
        snprintf(path, sizeof path, "/dev/dri/renderD%lu", kfd_topology(node, "properties", "drm_render_minor"));
        gpu.render = open(path, O_RDWR | O_CLOEXEC);
        if (gpu.render == -1) kfd_fail(path);
    }
    if (gpu.gpu_id == 0) {
        fprintf(stderr, "no GPU in " KFD_NODES "\n");
        exit(1);
    }
    struct kfd_ioctl_acquire_vm_args vm = {.drm_fd = (uint32_t)gpu.render, .gpu_id = gpu.gpu_id};
    kfd_call(gpu.kfd, AMDKFD_IOC_ACQUIRE_VM, &vm, "ACQUIRE_VM");
    return gpu;
}

/* `size` bytes (whole pages) of GTT, at the same address on the host and on the device: there, or anywhere. */
static inline struct kfd_buffer kfd_alloc_at(const struct kfd *gpu, void *address, uint64_t size) {
    struct kfd_buffer buffer = {.address = address, .size = size};
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
        .va_addr = (uintptr_t)buffer.address,
        .size = size,
        .gpu_id = gpu->gpu_id,
        .flags = KFD_IOC_ALLOC_MEM_FLAGS_GTT | (uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE |
                 KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE | KFD_IOC_ALLOC_MEM_FLAGS_COHERENT,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc, "ALLOC_MEMORY_OF_GPU");
    buffer.handle = alloc.handle;
    void *mapped = mmap(buffer.address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, gpu->render,
                        (off_t)alloc.mmap_offset);
    if (mapped == MAP_FAILED) kfd_fail("mmap of the render node");
    uint32_t device = gpu->gpu_id;
    struct kfd_ioctl_map_memory_to_gpu_args map = {
        .handle = buffer.handle,
        .device_ids_array_ptr = (uintptr_t)&device,
        .n_devices = 1,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map, "MAP_MEMORY_TO_GPU");
    return buffer;
}

static inline void *kfd_reserve(uint64_t size) {
    void *address = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) kfd_fail("mmap of an address range");
    return address;
}

static inline struct kfd_buffer kfd_alloc(const struct kfd *gpu, uint64_t size) {
    return kfd_alloc_at(gpu, kfd_reserve(size), size);
}

static inline uint64_t kfd_up(uint64_t size, uint64_t to) {
    return (size + to - 1) / to * to;
}

/* What a compute queue's save area must have, by the device's shape: amdkfd/kfd_queue.c, kfd_queue_ctx_save_restore_size.
 * `total` is all memory of it, the debugger's part and every die's among that. */
struct kfd_save_area { uint32_t bytes, control_stack, total; };

static inline struct kfd_save_area kfd_save_area_of(const struct kfd *gpu) {
    unsigned long version = kfd_topology(gpu->node, "properties", "gfx_target_version");
    unsigned long dies = kfd_topology(gpu->node, "properties", "num_xcc");
    if (dies == 0) dies = 1;
    unsigned long cus = kfd_topology(gpu->node, "properties", "simd_count") /
                        kfd_topology(gpu->node, "properties", "simd_per_cu") / dies;
    unsigned long engines = kfd_topology(gpu->node, "properties", "array_count") /
                            kfd_topology(gpu->node, "properties", "simd_arrays_per_engine");
    int navi = version >= 100100;
    unsigned long waves = navi ? cus * 32 : cus * 40 < engines * 512 ? cus * 40 : engines * 512;
    unsigned long registers = version == 90402 || version == 90010 || version == 90008 || version == 90500 ? 0x80000
                            : version >= 110000 ? 0x60000 : 0x40000;
    unsigned long group = version == 90500 ? 160 << 10 : 0x10000;
    unsigned long stack = kfd_up(40 + waves * (navi ? 12 : 8) + 8, KFD_PAGE);
    if (version / 10000 == 10 && stack > 0x7000) stack = 0x7000;
    unsigned long each = stack + kfd_up(cus * (registers + 0x4000 + group + 0x1000), KFD_PAGE);
    unsigned long debugger = kfd_up(waves * 32, 64);
    return (struct kfd_save_area){
        .bytes = (uint32_t)each,
        .control_stack = (uint32_t)stack,
        .total = (uint32_t)kfd_up((each + debugger) * dies, KFD_PAGE),
    };
}

/* An AQL queue whose waves would be saved at `area`: `amd_queue_t` in one page, the ring in the next. */
static inline struct kfd_queue kfd_new_queue_saving(const struct kfd *gpu, const void *area) {
    char *page = kfd_reserve(2 * KFD_PAGE), *ring = page + KFD_PAGE;
    struct kfd_queue queue = {.memory = kfd_alloc_at(gpu, page, KFD_PAGE)};
    struct kfd_save_area sizes = kfd_save_area_of(gpu);
    kfd_alloc_at(gpu, ring, KFD_PAGE);
    amd_queue_t *state = queue.memory.address;
    for (unsigned slot = 0; slot < KFD_PAGE / 64; slot++) *(uint16_t *)(ring + slot * 64) = HSA_PACKET_TYPE_INVALID;
    state->hsa_queue.base_address = ring;
    state->hsa_queue.size = KFD_PAGE / 64;
    state->read_dispatch_id_field_base_byte_offset = offsetof(amd_queue_t, read_dispatch_id);
    struct kfd_ioctl_create_queue_args create = {
        .ring_base_address = (uintptr_t)ring,
        .write_pointer_address = (uintptr_t)&state->write_dispatch_id,
        .read_pointer_address = (uintptr_t)&state->read_dispatch_id,
        .ring_size = KFD_PAGE,
        .gpu_id = gpu->gpu_id,
        .queue_type = KFD_IOC_QUEUE_TYPE_COMPUTE_AQL,
        .queue_percentage = KFD_MAX_QUEUE_PERCENTAGE,
        .queue_priority = 7,
        .ctx_save_restore_address = (uintptr_t)area,
        .ctx_save_restore_size = sizes.bytes,
        .ctl_stack_size = sizes.control_stack,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_CREATE_QUEUE, &create, "CREATE_QUEUE");
    queue.id = create.queue_id;
    queue.doorbell = create.doorbell_offset;
    return queue;
}

static inline struct kfd_queue kfd_new_queue(const struct kfd *gpu) {
    struct kfd_buffer area = kfd_alloc(gpu, kfd_save_area_of(gpu).total);
    return kfd_new_queue_saving(gpu, area.address);
}

/* A signal event that resets itself. */
static inline uint32_t kfd_new_event(int kfd) {
    struct kfd_ioctl_create_event_args create = {.event_type = KFD_IOC_EVENT_SIGNAL, .auto_reset = 1};
    kfd_call(kfd, AMDKFD_IOC_CREATE_EVENT, &create, "CREATE_EVENT");
    return create.event_id;
}

#endif
