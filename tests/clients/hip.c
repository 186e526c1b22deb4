/*
 * Host calls of the unmodified HIP runtime: devices, memory, copies there and back, streams and events, memory of the
 * program's own. No kernel of a program is launched.
 *
 *   cc -O2 -o hip tests/clients/hip.c -lamdhip64        (libamdhip64-dev)
 *
 * A line for each part; exit status 0 when all hold, 1 at the first that does not (what was seen is on stderr).
 */
#define __HIP_PLATFORM_AMD__
#include <hip/hip_runtime_api.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

static void must(hipError_t error, const char *what) {
    if (error == hipSuccess) return;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", what, hipGetErrorName(error));
    exit(1);
}

static void check(int holds, const char *what) {
    if (holds) return;
    fflush(stdout);
    fprintf(stderr, "%s: it does not hold\n", what);
    exit(1);
}

/* Bytes that no shift and no repetition leaves as they are. */
static void fill(unsigned char *at, size_t bytes, uint64_t seed) {
    for (size_t i = 0; i < bytes; i++) at[i] = (unsigned char)(((seed + i) * 0x9e3779b97f4a7c15u) >> 40);
}

static void there_and_back(unsigned char *from, unsigned char *to, size_t bytes, hipStream_t stream, const char *what) {
    void *device = NULL;
    must(hipMalloc(&device, bytes), "hipMalloc");
    fill(from, bytes, bytes);
    memset(to, 0, bytes);
    must(hipMemcpyAsync(device, from, bytes, hipMemcpyHostToDevice, stream), what);
    must(hipMemcpyAsync(to, device, bytes, hipMemcpyDeviceToHost, stream), what);
    must(hipStreamSynchronize(stream), "hipStreamSynchronize");
    check(memcmp(from, to, bytes) == 0, what);
    must(hipFree(device), "hipFree");
}

int main(void) {
    int count = 0;
    must(hipGetDeviceCount(&count), "hipGetDeviceCount");
    for (int index = 0; index < count; index++) {
        hipDeviceProp_t properties;
        must(hipSetDevice(index), "hipSetDevice");
        must(hipGetDeviceProperties(&properties, index), "hipGetDeviceProperties");
        printf("device %d: %s, %s, %zu MiB, bus %02x\n", index, properties.name, properties.gcnArchName,
               properties.totalGlobalMem / MIB, properties.pciBusID);

        void *block = NULL;
        size_t before, after, total;
        must(hipMemGetInfo(&before, &total), "hipMemGetInfo");
        must(hipMalloc(&block, 64 * MIB), "hipMalloc");
        must(hipMemGetInfo(&after, &total), "hipMemGetInfo");
        check(total == properties.totalGlobalMem && before - after >= 64 * MIB, "memory that was taken is not free");
        must(hipFree(block), "hipFree");

        hipStream_t stream;
        hipEvent_t event;
        must(hipStreamCreate(&stream), "hipStreamCreate");
        must(hipEventCreate(&event), "hipEventCreate");
        size_t bytes = 3 * MIB + 4096;
        unsigned char *pinned[2], *plain[2];
        for (int i = 0; i < 2; i++) {
            must(hipHostMalloc((void **)&pinned[i], bytes, 0), "hipHostMalloc");
            plain[i] = malloc(bytes);
            check(plain[i] != NULL, "malloc");
        }
        there_and_back(pinned[0], pinned[1], bytes, stream, "copies of pinned memory");
        there_and_back(plain[0], plain[1], bytes, stream, "copies of plain memory");
        must(hipEventRecord(event, stream), "hipEventRecord");
        must(hipEventSynchronize(event), "hipEventSynchronize");

        void *seen = NULL;
        must(hipHostRegister(plain[0], bytes, 0), "hipHostRegister");
        must(hipHostGetDevicePointer(&seen, plain[0], 0), "hipHostGetDevicePointer");
        there_and_back(plain[0], pinned[1], bytes, stream, "copies of registered memory");
        must(hipHostUnregister(plain[0]), "hipHostUnregister");

        for (int i = 0; i < 2; i++) {
            must(hipHostFree(pinned[i]), "hipHostFree");
            free(plain[i]);
        }
        must(hipEventDestroy(event), "hipEventDestroy");
        must(hipStreamDestroy(stream), "hipStreamDestroy");
    }
    printf("%d devices: memory, streams and copies\n", count);
    return 0;
}
