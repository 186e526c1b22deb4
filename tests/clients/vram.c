/*
 * Takes VRAM on every GPU and a queue on the first, and stays so until its standard input ends: something for tools to show.
 *
 *   cc -O2 -I tests/clients -o vram tests/clients/vram.c
 *   vram MIB            so much on the first GPU, twice as much on the second, three times on the third, and so on
 *
 * When all is in place it prints `holding TGID`.
 */
#include "kfd.h"

static void take(struct kfd *gpu, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) kfd_fail("mmap of an address range");
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
        .va_addr = (uintptr_t)address,
        .size = bytes,
        .gpu_id = gpu->gpu_id,
        .flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM | (uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc, "ALLOC_MEMORY_OF_GPU");
}

int main(int argc, char **argv) {
    uint64_t mib = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
    if (mib == 0) {
        fprintf(stderr, "usage: %s MIB\n", argv[0]);
        return 2;
    }
    struct kfd first = kfd_attach();
    unsigned count = 0;
    for (unsigned node = 0; node < 64; node++) {
        struct kfd gpu = {.kfd = first.kfd, .gpu_id = (uint32_t)kfd_topology(node, "gpu_id", NULL)};
        if (gpu.gpu_id == 0) continue;
        if (gpu.gpu_id != first.gpu_id) {
            char path[64];
            snprintf(path, sizeof path, "/dev/dri/renderD%lu", kfd_topology(node, "properties", "drm_render_minor"));
            gpu.render = open(path, O_RDWR | O_CLOEXEC);
            if (gpu.render == -1) kfd_fail(path);
            struct kfd_ioctl_acquire_vm_args vm = {.drm_fd = (uint32_t)gpu.render, .gpu_id = gpu.gpu_id};
            kfd_call(gpu.kfd, AMDKFD_IOC_ACQUIRE_VM, &vm, "ACQUIRE_VM");
        }
        take(&gpu, (mib << 20) * ++count);
    }
    kfd_new_queue(&first);
    printf("holding %d\n", getpid());
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {}
    return 0;
}
