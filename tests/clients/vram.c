/*
 * Takes VRAM and a queue on every GPU, and stays so until its standard input ends: something for tools to show.
 *
 *   cc -O2 -I tests/clients -o vram tests/clients/vram.c
 *   vram MIB            so much on the first GPU, twice as much on the second, three times on the third, and so on
 *   vram MIB COMMAND…   the same until COMMAND has ended, and with its exit status
 *
 * When all is in place it prints `holding TGID`. At a line of its standard input it frees all of it and prints `freed`.
 */
#include "kfd.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static uint64_t take(const struct kfd *gpu, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) kfd_fail("mmap of an address range");
    struct kfd_ioctl_alloc_memory_of_gpu_args alloc = {
        .va_addr = (uintptr_t)address,
        .size = bytes,
        .gpu_id = gpu->gpu_id,
        .flags = KFD_IOC_ALLOC_MEM_FLAGS_VRAM | (uint32_t)KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
    };
    kfd_call(gpu->kfd, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, &alloc, "ALLOC_MEMORY_OF_GPU");
    uint32_t device = gpu->gpu_id;
    struct kfd_ioctl_map_memory_to_gpu_args map = {
        .handle = alloc.handle, .device_ids_array_ptr = (uintptr_t)&device, .n_devices = 1};
    kfd_call(gpu->kfd, AMDKFD_IOC_MAP_MEMORY_TO_GPU, &map, "MAP_MEMORY_TO_GPU");
    return alloc.handle;
}

static void give(const struct kfd *gpu, uint64_t handle) {
    uint32_t device = gpu->gpu_id;
    struct kfd_ioctl_unmap_memory_from_gpu_args unmap = {
        .handle = handle, .device_ids_array_ptr = (uintptr_t)&device, .n_devices = 1};
    kfd_call(gpu->kfd, AMDKFD_IOC_UNMAP_MEMORY_FROM_GPU, &unmap, "UNMAP_MEMORY_FROM_GPU");
    struct kfd_ioctl_free_memory_of_gpu_args free = {.handle = handle};
    kfd_call(gpu->kfd, AMDKFD_IOC_FREE_MEMORY_OF_GPU, &free, "FREE_MEMORY_OF_GPU");
}

/* Runs a command, which does not outlive this process; its exit status. */
static int run(char **command) {
    pid_t child = fork();
    if (child == -1) kfd_fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(command[0], command);
        kfd_fail(command[0]);
    }
    int status;
    if (waitpid(child, &status, 0) == -1) kfd_fail("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv) {
    uint64_t mib = argc >= 2 ? strtoull(argv[1], NULL, 10) : 0;
    if (mib == 0) {
        fprintf(stderr, "usage: %s MIB [COMMAND...]\n", argv[0]);
        return 2;
    }
    struct kfd first = kfd_attach();
    struct kfd gpus[64];
    uint64_t taken[64];
    unsigned count = 0;
    for (unsigned node = 0; node < 64; node++) {
        struct kfd gpu = {.kfd = first.kfd, .render = first.render, .node = node, .gpu_id = (uint32_t)kfd_topology(node, "gpu_id", NULL)};
        if (gpu.gpu_id == 0) continue;
        if (gpu.gpu_id != first.gpu_id) {
            char path[64];
            snprintf(path, sizeof path, "/dev/dri/renderD%lu", kfd_topology(node, "properties", "drm_render_minor"));
            gpu.render = open(path, O_RDWR | O_CLOEXEC);
            if (gpu.render == -1) kfd_fail(path);
            struct kfd_ioctl_acquire_vm_args vm = {.drm_fd = (uint32_t)gpu.render, .gpu_id = gpu.gpu_id};
            kfd_call(gpu.kfd, AMDKFD_IOC_ACQUIRE_VM, &vm, "ACQUIRE_VM");
        }
        gpus[count] = gpu;
        taken[count] = take(&gpu, (mib << 20) * (count + 1));
        kfd_new_queue(&gpu);
        count++;
    }
    printf("holding %d\n", getpid());
    fflush(stdout);
    if (argc > 2) return run(argv + 2);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
        if (byte != '\n') continue;
        for (; count > 0; count--) give(&gpus[count - 1], taken[count - 1]);
        puts("freed");
        fflush(stdout);
    }
    return 0;
}
