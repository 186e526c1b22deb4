/*
 * The graphics side of a render node through libdrm: a buffer in VRAM is filled by commands of a copy engine, the
 * number of the submission appears where it was asked for, and a second file of the same process knows nothing of it.
 *
 *   cc -O2 -o submit tests/clients/submit.c -ldrm_amdgpu -ldrm
 */
#include <libdrm/amdgpu.h>
#include <libdrm/amdgpu_drm.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MUST(call) \
    do { \
        int result = (call); \
        if (result) { \
            fprintf(stderr, "submit: %s: %d\n", #call, result); \
            exit(1); \
        } \
    } while (0)

#define NODE "/dev/dri/renderD128"
#define SIZE (1u << 20)
#define PAGE 4096u

struct buffer {
    amdgpu_bo_handle bo;
    amdgpu_va_handle range;
    uint64_t va;
    uint32_t *cpu;
};

static struct buffer make(amdgpu_device_handle device, uint32_t heap, uint64_t size)
{
    struct amdgpu_bo_alloc_request request = {.alloc_size = size, .phys_alignment = PAGE, .preferred_heap = heap};
    struct buffer made = {0};
    void *cpu = NULL;
    MUST(amdgpu_bo_alloc(device, &request, &made.bo));
    MUST(amdgpu_va_range_alloc(device, amdgpu_gpu_va_range_general, size, PAGE, 0, &made.va, &made.range, 0));
    MUST(amdgpu_bo_va_op(made.bo, 0, size, made.va, 0, AMDGPU_VA_OP_MAP));
    MUST(amdgpu_bo_cpu_map(made.bo, &cpu));
    made.cpu = cpu;
    return made;
}

static void end(struct buffer *buffer, uint64_t size)
{
    MUST(amdgpu_bo_cpu_unmap(buffer->bo));
    MUST(amdgpu_bo_va_op(buffer->bo, 0, size, buffer->va, 0, AMDGPU_VA_OP_UNMAP));
    MUST(amdgpu_va_range_free(buffer->range));
    MUST(amdgpu_bo_free(buffer->bo));
}

int main(void)
{
    uint32_t major, minor, expired = 0;
    amdgpu_device_handle device;
    amdgpu_context_handle context;
    amdgpu_bo_list_handle list;
    int fd = open(NODE, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        perror("submit: " NODE);
        return 1;
    }
    MUST(amdgpu_device_initialize(fd, &major, &minor, &device));
    MUST(amdgpu_cs_ctx_create(device, &context));
    struct buffer target = make(device, AMDGPU_GEM_DOMAIN_VRAM, SIZE);
    struct buffer code = make(device, AMDGPU_GEM_DOMAIN_GTT, PAGE);
    struct buffer seen = make(device, AMDGPU_GEM_DOMAIN_GTT, PAGE);
    amdgpu_bo_handle used[] = {target.bo, code.bo, seen.bo};
    MUST(amdgpu_bo_list_create(device, 3, used, NULL, &list));

    for (uint32_t round = 1; round <= 3; round++) {
        /* SDMA 4: CONST_FILL of words, opcode 11, bytes less 4; the rest of the page is NOPs. */
        uint32_t fill[] = {11 | 2u << 30, (uint32_t)target.va, (uint32_t)(target.va >> 32), 0xabc0 + round, SIZE - 4};
        memcpy(code.cpu, fill, sizeof fill);
        struct amdgpu_cs_ib_info ib = {.ib_mc_address = code.va, .size = 16};
        struct amdgpu_cs_request request = {
            .ip_type = AMDGPU_HW_IP_DMA,
            .number_of_ibs = 1,
            .ibs = &ib,
            .resources = list,
            .fence_info = {.handle = seen.bo, .offset = 2},
        };
        MUST(amdgpu_cs_submit(context, 0, &request, 1));
        struct amdgpu_cs_fence fence = {.context = context, .ip_type = AMDGPU_HW_IP_DMA, .fence = request.seq_no};
        MUST(amdgpu_cs_query_fence_status(&fence, 5000000000ull, 0, &expired));
        if (!expired || request.seq_no != round) {
            fprintf(stderr, "submit: number %llu is not done\n", (unsigned long long)request.seq_no);
            return 1;
        }
        for (uint32_t at = 0; at < SIZE / 4; at++)
            if (target.cpu[at] != 0xabc0 + round) {
                fprintf(stderr, "submit: word %u is %#x\n", at, target.cpu[at]);
                return 1;
            }
        uint64_t number;
        memcpy(&number, (char *)seen.cpu + 16, sizeof number);
        if (number != round) {
            fprintf(stderr, "submit: the buffer says %llu\n", (unsigned long long)number);
            return 1;
        }
    }
    printf("submit: three submissions are done\n");

    int other = open(NODE, O_RDWR | O_CLOEXEC);
    struct drm_gem_close close_one = {.handle = 1};
    if (other < 0 || ioctl(other, DRM_IOCTL_GEM_CLOSE, &close_one) == 0) {
        fprintf(stderr, "submit: another file has the first one's handles\n");
        return 1;
    }
    close(other);
    printf("submit: another file has none of it\n");

    MUST(amdgpu_bo_list_destroy(list));
    end(&seen, PAGE);
    end(&code, PAGE);
    end(&target, SIZE);
    MUST(amdgpu_cs_ctx_free(context));
    MUST(amdgpu_device_deinitialize(device));
    close(fd);
    return 0;
}
