/*
 * An error in a device's memory, ordered as root does it on a real machine and learnt of by a memory event.
 *
 *   cc -O2 -I tests/clients -o ras tests/clients/ras.c
 *   ras
 *
 * Needs a device with RAS and /sys/kernel/debug. One line for each step; exit status 0 when all hold, 1 otherwise (what was
 * seen is on stderr).
 */
#define _GNU_SOURCE
#include "kfd.h"
#include <libdrm/amdgpu_drm.h>

#define DRI "/sys/kernel/debug/dri"

_Noreturn static void fail(const char *what) {
    errno = 0;
    kfd_fail(what);
}

static void name_of(unsigned long minor, char *name, size_t size) {
    char path[64];
    snprintf(path, sizeof path, DRI "/%lu/name", minor);
    FILE *in = fopen(path, "r");
    *name = 0;
    if (!in) return;
    if (!fgets(name, (int)size, in)) *name = 0;
    fclose(in);
}

/* The control file of the device behind a render node, found by the name that both its nodes have. */
static FILE *control_of(unsigned long minor) {
    char path[64], render[128], primary[128];
    name_of(minor, render, sizeof render);
    if (!*render) fail("the render node has no name in " DRI);
    for (unsigned long index = 0; index < 64; index++) {
        name_of(index, primary, sizeof primary);
        if (strcmp(render, primary) != 0) continue;
        snprintf(path, sizeof path, DRI "/%lu/ras/ras_ctrl", index);
        FILE *control = fopen(path, "w");
        if (!control) kfd_fail(path);
        return control;
    }
    fail("no primary node has the render node's name");
}

int main(void) {
    struct kfd gpu = kfd_attach();
    uint64_t features = 0;
    struct drm_amdgpu_info info = {
        .return_pointer = (uintptr_t)&features,
        .return_size = sizeof features,
        .query = AMDGPU_INFO_RAS_ENABLED_FEATURES,
    };
    kfd_call(gpu.render, DRM_IOW(DRM_COMMAND_BASE + DRM_AMDGPU_INFO, struct drm_amdgpu_info), &info, "AMDGPU_INFO");
    if (!(features & AMDGPU_INFO_RAS_ENABLED_UMC)) fail("the memory controllers have no RAS");
    printf("the memory controllers have RAS\n");

    unsigned long minor = 0;
    for (unsigned node = 0; node < 64 && minor == 0; node++) {
        if (kfd_topology(node, "gpu_id", NULL) == gpu.gpu_id) {
            minor = kfd_topology(node, "properties", "drm_render_minor");
        }
    }
    FILE *control = control_of(minor);
    printf("its control file is found by its name\n");

    struct kfd_ioctl_create_event_args event = {.event_type = KFD_IOC_EVENT_MEMORY};
    kfd_call(gpu.kfd, AMDKFD_IOC_CREATE_EVENT, &event, "CREATE_EVENT");
    if (fputs("inject umc ue 0 0", control) == EOF || fflush(control) == EOF) kfd_fail("inject umc ue 0 0");
    struct kfd_event_data data = {.event_id = event.event_id};
    struct kfd_ioctl_wait_events_args wait = {
        .events_ptr = (uintptr_t)&data, .num_events = 1, .wait_for_all = 1, .timeout = 10000};
    kfd_call(gpu.kfd, AMDKFD_IOC_WAIT_EVENTS, &wait, "WAIT_EVENTS");
    if (wait.wait_result != KFD_IOC_WAIT_RESULT_COMPLETE) fail("the error was not told");
    if (data.memory_exception_data.gpu_id != gpu.gpu_id) fail("another device's error was told");
    if (data.memory_exception_data.ErrorType != KFD_MEM_ERR_SRAM_ECC) fail("another error was told");
    printf("the error was told\n");

    if (fputs(" inject umc ue 0 0", control) != EOF && fflush(control) != EOF) fail("a second order on one file");
    fclose(control);
    control = control_of(minor);
    if (fputs("nonsense", control) != EOF && fflush(control) != EOF) fail("nonsense was taken for an order");
    if (errno != EINVAL) kfd_fail("nonsense");
    printf("what is no order is refused\n");
    return 0;
}
