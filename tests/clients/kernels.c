/*
 * Kernels of its own on the unmodified HIP runtime, which compiles them from text: each result is compared with this
 * machine's own.
 *
 *   cc -O2 -o kernels tests/clients/kernels.c -l:libamdhip64.so.5 -lm
 *
 * A line for each kernel; exit status 0 when all are right, 1 at the first that is not (what was seen is on stderr).
 */
#include "hiprtc.h"
#include <math.h>

static const char *const source =
    "extern \"C\" __global__ void saxpy(float a, const float *x, float *y, int count) {\n"
    "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
    "    if (i < count) y[i] = fmaf(a, x[i], y[i]);\n"
    "}\n"
    "extern \"C\" __global__ void sum(const unsigned *from, unsigned long long *total, int count) {\n"
    "    __shared__ unsigned long long part[256];\n"
    "    unsigned long long mine = 0;\n"
    "    for (int i = blockIdx.x * 256 + threadIdx.x; i < count; i += gridDim.x * 256) mine += from[i];\n"
    "    part[threadIdx.x] = mine;\n"
    "    for (int half = 128; half > 0; half /= 2) {\n"
    "        __syncthreads();\n"
    "        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];\n"
    "    }\n"
    "    if (threadIdx.x == 0) atomicAdd(total, part[0]);\n"
    "}\n"
    "struct Body { float x, y, z, mass; };\n"
    "extern \"C\" __global__ void pull(const Body *bodies, Body *pulls, int count) {\n"
    "    __shared__ Body tile[128];\n"
    "    int me = blockIdx.x * 128 + threadIdx.x;\n"
    "    float x = 0, y = 0, z = 0;\n"
    "    for (int at = 0; at < count; at += 128) {\n"
    "        tile[threadIdx.x] = bodies[at + threadIdx.x];\n"
    "        __syncthreads();\n"
    "        for (int i = 0; i < 128; i++) {\n"
    "            float dx = tile[i].x - bodies[me].x, dy = tile[i].y - bodies[me].y, dz = tile[i].z - bodies[me].z;\n"
    "            float near = rsqrtf(dx * dx + dy * dy + dz * dz + 0.01f), pull = tile[i].mass * near * near * near;\n"
    "            x += dx * pull, y += dy * pull, z += dz * pull;\n"
    "        }\n"
    "        __syncthreads();\n"
    "    }\n"
    "    pulls[me] = Body{x, y, z, sqrtf(x * x + y * y + z * z)};\n"
    "}\n"
    "extern \"C\" __global__ void hello() {\n"
    "    unsigned group = blockIdx.x, groups = gridDim.x;\n"
    "    if (threadIdx.x == 0) printf(\"printf inside a kernel: group %u of %u\\n\", group, groups);\n"
    "}\n";

typedef struct {
    float x, y, z, mass;
} Body;

static void launch(hipFunction_t function, unsigned groups, unsigned group, void **arguments) {
    HIP(hipModuleLaunchKernel(function, groups, 1, 1, group, 1, 1, 0, NULL, arguments, NULL));
    HIP(hipDeviceSynchronize());
}

static void wrong(const char *what, int at, double seen, double expected) {
    fflush(stdout);
    fprintf(stderr, "%s[%d] is %.9g, not %.9g\n", what, at, seen, expected);
    exit(1);
}

static void *memory(size_t bytes) {
    void *made = calloc(1, bytes);
    if (made == NULL) exit(1);
    return made;
}

/* A copy in the device's memory. */
static void *hip_copy(const void *from, size_t bytes) {
    void *at = NULL;
    HIP(hipMalloc(&at, bytes));
    HIP(hipMemcpy(at, from, bytes, hipMemcpyHostToDevice));
    return at;
}

static unsigned next(unsigned *seed) { return *seed = *seed * 1664525u + 1013904223u; }
/* From -1 to 1. */
static float unit(unsigned *seed) { return (float)(next(seed) >> 8) * 0x1p-23f - 1; }

static void saxpy(hipModule_t module) {
    int count = 1000003;
    size_t bytes = count * sizeof(float);
    float a = 1.5f, *x = memory(bytes), *y = memory(bytes), *got = memory(bytes);
    unsigned seed = 1;
    for (int i = 0; i < count; i++) x[i] = unit(&seed), y[i] = unit(&seed);
    void *xs = hip_copy(x, bytes), *ys = hip_copy(y, bytes);
    launch(hip_function(module, "saxpy"), (count + 255) / 256, 256, (void *[]){&a, &xs, &ys, &count});
    HIP(hipMemcpy(got, ys, bytes, hipMemcpyDeviceToHost));
    for (int i = 0; i < count; i++) {
        float expected = fmaf(a, x[i], y[i]);
        if (got[i] != expected) wrong("saxpy", i, got[i], expected);
    }
    printf("saxpy: %d results, bit for bit this machine's\n", count);
}

static void sum(hipModule_t module) {
    int count = 1 << 20;
    unsigned *numbers = memory(count * sizeof *numbers), seed = 2;
    unsigned long long expected = 0, got = 0;
    for (int i = 0; i < count; i++) expected += numbers[i] = next(&seed);
    void *from = hip_copy(numbers, count * sizeof *numbers), *total = hip_copy(&got, sizeof got);
    launch(hip_function(module, "sum"), 64, 256, (void *[]){&from, &total, &count});
    HIP(hipMemcpy(&got, total, sizeof got, hipMemcpyDeviceToHost));
    if (got != expected) wrong("sum", 0, (double)got, (double)expected);
    printf("sum of %d numbers: %llu, through shared memory and atomics of 64 groups\n", count, got);
}

static void pull(hipModule_t module) {
    enum { COUNT = 1024 };
    static Body bodies[COUNT], got[COUNT];
    unsigned seed = 3;
    for (int i = 0; i < COUNT; i++) bodies[i] = (Body){unit(&seed), unit(&seed), unit(&seed), unit(&seed) + 1};
    int count = COUNT;
    void *from = hip_copy(bodies, sizeof bodies), *to = hip_copy(got, sizeof got);
    launch(hip_function(module, "pull"), COUNT / 128, 128, (void *[]){&from, &to, &count});
    HIP(hipMemcpy(got, to, sizeof got, hipMemcpyDeviceToHost));
    double worst = 0;
    for (int i = 0; i < COUNT; i++) {
        double x = 0, y = 0, z = 0;
        for (int j = 0; j < COUNT; j++) {
            double dx = bodies[j].x - bodies[i].x, dy = bodies[j].y - bodies[i].y, dz = bodies[j].z - bodies[i].z;
            double square = dx * dx + dy * dy + dz * dz + 0.01, pulls = bodies[j].mass / (square * sqrt(square));
            x += dx * pulls, y += dy * pulls, z += dz * pulls;
        }
        double norm = sqrt(x * x + y * y + z * z);
        double off = fmax(fmax(fabs(got[i].x - x), fabs(got[i].y - y)), fabs(got[i].z - z)) / norm;
        /* Sums of a thousand single-precision terms against double precision. */
        if (!(off < 1e-4) || !(fabs(got[i].mass - norm) / norm < 1e-4)) wrong("pull", i, got[i].mass, norm);
        worst = fmax(worst, off);
    }
    printf("n-body of %d: within %.1e of double precision\n", COUNT, worst);
}

int main(void) {
    char name[64] = "";
    HIP(hipDeviceGetName(name, sizeof name, 0));
    printf("compiling four kernels for %s\n", name);
    fflush(stdout);
    hipModule_t module = hip_module(source);
    saxpy(module);
    sum(module);
    pull(module);
    fflush(stdout);
    launch(hip_function(module, "hello"), 2, 64, NULL);
    return 0;
}
