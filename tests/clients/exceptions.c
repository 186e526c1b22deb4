/*
 * A runtime that is to be told of its queues' exceptions, as ROCR 6 asks for them: the save area and the word that takes
 * the exceptions are the program's own memory, and an event is set when something is in it.
 *
 *   cc -O2 -I tests/clients -o exceptions tests/clients/exceptions.c
 *   exceptions enabled|silent
 *
 * `enabled` says RUNTIME_ENABLE first, `silent` does not. Then a queue gets a packet that is none. One line for each
 * property; exit status 1 at the first that does not hold. Needs a device of interface 1.13.
 */
#include "kfd.h"

#include <hsa/amd_hsa_signal.h>

struct runtime_enable { uint64_t r_debug; uint32_t mode, capabilities; };
struct save_area_head { uint32_t waves[4], debug_offset, debug_size; uint64_t payload; uint32_t event, reserved; };

#define RUNTIME_ENABLE _IOWR('K', 0x25, struct runtime_enable)
#define EC_QUEUE_PACKET_UNSUPPORTED (1ull << 19)
#define INACTIVE_FORMAT 32 /* the command processor's own word for it */
#define PATIENCE_MS 20000

/* Known to nobody but this program and the head of its save area. */
static volatile uint64_t payload = 1ull << 62;

#define MUST(what) \
    do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, strerror(errno)); exit(1); } } while (0)

/* The program's own memory, which the device reaches at the same address. */
static void *own(const struct kfd *gpu, uint32_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(memory != MAP_FAILED);
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
        .va_addr = (uintptr_t)memory, .size = bytes, .mmap_offset = (uintptr_t)memory, .gpu_id = gpu->gpu_id,
        .flags = KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | (uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc, "ALLOC_MEMORY_OF_GPU");
    uint32_t device = gpu->gpu_id;
    struct kfd_ioctl_map_memory_to_gpu_args map = {
        .handle = alloc.handle, .device_ids_array_ptr = (uintptr_t)&device, .n_devices = 1,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map, "MAP_MEMORY_TO_GPU");
    return memory;
}

static int is_set(int kfd, uint32_t event, uint32_t timeout) {
    struct kfd_event_data data = {.event_id = event};
    struct kfd_ioctl_wait_events_args wait = {
        .events_ptr = (uintptr_t)&data, .num_events = 1, .wait_for_all = 1, .timeout = timeout,
    };
    kfd_call(kfd, AMDKFD_IOC_WAIT_EVENTS, &wait, "WAIT_EVENTS");
    return wait.wait_result == KFD_IOC_WAIT_RESULT_COMPLETE;
}

int main(int argc, char **argv) {
    MUST(argc == 2);
    int enabled = strcmp(argv[1], "enabled") == 0;
    struct kfd gpu = kfd_attach();
    if (enabled) {
        struct runtime_enable enable = {.mode = 1};
        kfd_call(gpu.kfd, RUNTIME_ENABLE, &enable, "RUNTIME_ENABLE");
    }
    uint32_t event = kfd_new_event(gpu.kfd);
    struct save_area_head *head = own(&gpu, kfd_save_area_of(&gpu).total);
    head->payload = (uintptr_t)&payload;
    head->event = event;

    struct kfd_queue made = kfd_new_queue_saving(&gpu, head);
    amd_queue_t *queue = made.memory.address;
    amd_signal_t *inactive = (void *)((char *)queue + 1024);
    char *packet = (char *)queue + KFD_PAGE;
    queue->queue_inactive_signal.handle = (uintptr_t)inactive;
    inactive->kind = AMD_SIGNAL_KIND_USER;
    char *doorbells = mmap(NULL, 2 * KFD_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gpu.kfd,
                           (off_t)(made.doorbell & ~(2ull * KFD_PAGE - 1)));
    MUST(doorbells != MAP_FAILED);
    printf("a queue whose save area is the program's own memory is there\n");

    *(volatile uint16_t *)packet = 9; /* no packet type */
    queue->write_dispatch_id = 1;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *(volatile uint64_t *)(doorbells + (made.doorbell & (2ull * KFD_PAGE - 1))) = 0;

    if (enabled) {
        MUST(is_set(gpu.kfd, event, PATIENCE_MS));
        MUST(payload == (EC_QUEUE_PACKET_UNSUPPORTED | 1ull << 62));
        printf("the runtime is told of a packet that is none, by its event and its word\n");
    }
    for (int ms = 0; __atomic_load_n(&inactive->value, __ATOMIC_ACQUIRE) == 0 && ms < PATIENCE_MS; ms++) usleep(1000);
    MUST(inactive->value == INACTIVE_FORMAT);
    if (!enabled) {
        MUST(!is_set(gpu.kfd, event, 100));
        MUST(payload == 1ull << 62);
    }
    printf("the inactive signal has the command processor's word\n");
    return 0;
}
