/* What a program asks about a device, a kernel and a pointer, and what launches beyond it become. */
#include "check.h"

__global__ void plain(float *out) { out[threadIdx.x] = (float)threadIdx.x; }
__global__ void __launch_bounds__(64) small(float *out) { out[threadIdx.x] = 1; }
__global__ void shared(float *out) {
    __shared__ float room[4096];
    room[threadIdx.x] = out[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = room[threadIdx.x ^ 1];
}
__device__ float symbol[10];

int main() {
    int value = 0, version = 0;
    hipDeviceProp_t p;
    MUST(hipGetDeviceProperties(&p, 0));
    CHECK(strncmp(p.gcnArchName, "gfx", 3) == 0 && p.warpSize == 64);
    CHECK(p.maxThreadsPerBlock == 1024 && p.sharedMemPerBlock == 65536 && p.multiProcessorCount > 0);
    CHECK(p.totalGlobalMem > (size_t)1 << 30 && p.clockRate > 0 && p.memoryClockRate > 0);
    MUST(hipDeviceGetAttribute(&value, hipDeviceAttributeMaxThreadsPerBlock, 0));
    CHECK(value == p.maxThreadsPerBlock);
    MUST(hipDeviceGetAttribute(&value, hipDeviceAttributeWarpSize, 0));
    CHECK(value == 64);
    MUST(hipDeviceGetAttribute(&value, hipDeviceAttributeMultiprocessorCount, 0));
    CHECK(value == p.multiProcessorCount);
    MUST(hipRuntimeGetVersion(&version));
    CHECK(version > 0);

    hipFuncAttributes f;
    MUST(hipFuncGetAttributes(&f, (const void *)shared));
    CHECK(f.sharedSizeBytes == 16384 && f.numRegs > 0 && f.maxThreadsPerBlock >= 256);
    MUST(hipFuncGetAttributes(&f, (const void *)small));
    CHECK(f.maxThreadsPerBlock == 64);

    int groups = 0, size = 0;
    MUST(hipOccupancyMaxActiveBlocksPerMultiprocessor(&groups, (const void *)shared, 64, 0));
    CHECK(groups >= 1 && groups <= 4);
    MUST(hipOccupancyMaxActiveBlocksPerMultiprocessor(&groups, (const void *)plain, 64, 0));
    CHECK(groups > 4);
    MUST(hipOccupancyMaxPotentialBlockSize(&groups, &size, (const void *)plain, 0, 0));
    CHECK(groups > 0 && size >= 64 && size <= 1024);

    Device<float> memory(1024);
    hipPointerAttribute_t a;
    MUST(hipPointerGetAttributes(&a, memory + 10));
    CHECK(a.device == 0 && a.memoryType == hipMemoryTypeDevice);
    void *at;
    size_t bytes;
    MUST(hipGetSymbolAddress(&at, HIP_SYMBOL(symbol)));
    MUST(hipGetSymbolSize(&bytes, HIP_SYMBOL(symbol)));
    CHECK(at != nullptr && bytes == 40);
    hipDeviceptr_t base;
    MUST(hipMemGetAddressRange(&base, &bytes, memory + 100));
    CHECK(base == memory.at && bytes >= 4096);

    /* A launch that cannot be is refused and changes nothing; the next one runs. */
    plain<<<1, 2048>>>(memory);
    CHECK(hipGetLastError() != hipSuccess);
    plain<<<0, 64>>>(memory);
    CHECK(hipGetLastError() != hipSuccess);
    plain<<<1, 64, 1 << 20>>>(memory);
    CHECK(hipGetLastError() != hipSuccess);
    LAUNCH(plain, 1, 1024, memory);
    std::vector<float> got = memory.read();
    for (int i = 0; i < 1024; i++) equal("plain", i, got[i], (float)i);
    LAUNCH(shared, 1, 1024, memory);
    got = memory.read();
    for (int i = 0; i < 1024; i++) equal("shared", i, got[i], (float)(i ^ 1));
    LAUNCH(small, 1, 64, memory);
    got = memory.read();
    for (int i = 0; i < 1024; i++) equal("small", i, got[i], i < 64 ? 1 : (float)(i ^ 1));
    return ok("attributes");
}
