/* The side of the unmodified HIP runtime: text compiled for the device that it finds. */
#include "hiprtc.h"
#include <string.h>

static const char prelude[] =
    "#define KERNEL extern \"C\" __global__\n"
    "#define GLOBAL\n"
    "#define LOCAL __shared__\n"
    "#define BARRIER __syncthreads()\n"
    "#define ITEM(axis) (int)((axis) == 0 ? threadIdx.x : threadIdx.y)\n"
    "#define GROUP(axis) (int)((axis) == 0 ? blockIdx.x : blockIdx.y)\n"
    "#define VECTOR(x, y, z, w) make_float4(x, y, z, w)\n"
    "#define FMA fmaf\n"
    "#define RSQRT rsqrtf\n";

/* Vector instructions and nothing else: eight of each sort, VECTOR_UNROLLED in a row. */
#define VECTOR_UNROLLED 128
static const char vector_kernel[] =
    "extern \"C\" __global__ void vector(float *out, int rounds) {\n"
    "    float x = threadIdx.x, y = 1, z = 0, half = 0.5f, one = 1;\n"
    "    unsigned u = threadIdx.x, v = 7, w = 0;\n"
    "    for (int i = 0; i < rounds; i++)\n"
    "        asm volatile(\".rept 16\\n\"\n"
    "                     \"v_fma_f32 %0, %0, %6, %7\\n v_mul_f32 %1, %1, %6\\n v_add_f32 %1, %1, %0\\n v_sub_f32 %2, %1, %0\\n\"\n"
    "                     \"v_add_u32 %3, %3, %4\\n v_xor_b32 %4, %4, %3\\n v_lshlrev_b32 %5, 3, %4\\n v_or_b32 %3, %3, %5\\n\"\n"
    "                     \".endr\" : \"+v\"(x), \"+v\"(y), \"+v\"(z), \"+v\"(u), \"+v\"(v), \"+v\"(w) : \"v\"(half), \"v\"(one));\n"
    "    out[blockIdx.x * blockDim.x + threadIdx.x] = z + (float)(u ^ v ^ w);\n"
    "}\n";

static hipModule_t module;

static void begin(const char *source) {
    /* Who waits sleeps, and takes no CPU from what it waits for. */
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    size_t bytes = strlen(source) + sizeof prelude + sizeof vector_kernel;
    char *text = malloc(bytes);
    if (text == NULL) exit(1);
    snprintf(text, bytes, "%s%s%s", prelude, source, vector_kernel);
    module = hip_module(text);
    free(text);
}
static void *device_memory(size_t bytes) {
    void *at = NULL;
    HIP(hipMalloc(&at, bytes));
    return at;
}
static void give_back(void *at) { HIP(hipFree(at)); }
static void upload(void *to, const void *from, size_t bytes) { HIP(hipMemcpy(to, from, bytes, hipMemcpyHostToDevice)); }
static void download(void *to, void *from, size_t bytes) { HIP(hipMemcpy(to, from, bytes, hipMemcpyDeviceToHost)); }

/* Waits until the kernel is done. */
static void run(const char *kernel, const int groups[2], const int group[2], void **buffers, int count, int number) {
    void *arguments[4];
    for (int i = 0; i < count; i++) arguments[i] = &buffers[i];
    arguments[count] = &number;
    HIP(hipModuleLaunchKernel(hip_function(module, kernel), groups[0], groups[1], 1, group[0], group[1], 1, 0, NULL, arguments,
                              NULL));
    HIP(hipDeviceSynchronize());
}
