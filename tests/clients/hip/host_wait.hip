/* Kernels that wait: for the host, in memory of the device's and in pages of the program's own, who sets a word when the kernel has said that it runs; for a kernel on another stream; a stream for a value. */
#include "check.h"

__global__ void wait_for_host(volatile unsigned *flags, unsigned *out) {
    if (threadIdx.x == 0) {
        flags[0] = 1;
        __threadfence_system();
        while (flags[1] != 7) __builtin_amdgcn_s_sleep(1);
    }
    __syncthreads();
    out[threadIdx.x] = flags[2] + threadIdx.x;
}

/* An echo, many times: who waits less loses nothing. */
__global__ void echo(unsigned *flags, int turns) {
    for (int turn = 1; turn <= turns; turn++) {
        while (__hip_atomic_load(flags, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_SYSTEM) != (unsigned)turn) {}
        __hip_atomic_store(flags + 16, turn * 3u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_SYSTEM);
    }
}

__global__ void wait_for_other(unsigned *flag, unsigned *out) {
    while (atomicAdd(flag, 0u) == 0) __builtin_amdgcn_s_sleep(2);
    out[threadIdx.x] = atomicAdd(flag, 0u) + threadIdx.x;
}
__global__ void set(unsigned *flag) { atomicExch(flag, 100u); }

static unsigned load(const unsigned *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }

int main() {
    unsigned *flags;
    MUST(hipHostMalloc((void **)&flags, 4096, hipHostMallocCoherent));
    memset(flags, 0, 4096);
    Device<unsigned> out(64);
    LAUNCH(wait_for_host, 1, 64, flags, out);
    CHECK(hipStreamQuery(nullptr) == hipErrorNotReady);
    while (load(flags) != 1) {}
    flags[2] = 1000;
    __atomic_store_n(flags + 1, 7, __ATOMIC_RELEASE);
    std::vector<unsigned> got = out.read();
    for (unsigned i = 0; i < 64; i++) equal("out", i, got[i], 1000 + i);

    enum { TURNS = 200 };
    unsigned *own = (unsigned *)aligned_alloc(4096, 4096);
    MUST(hipHostRegister(own, 4096, hipHostRegisterMapped));
    for (unsigned *words : {flags, own}) {
        unsigned *device_words;
        MUST(hipHostGetDevicePointer((void **)&device_words, words, 0));
        memset(words, 0, 4096);
        LAUNCH(echo, 1, 1, device_words, TURNS);
        for (unsigned turn = 1; turn <= TURNS; turn++) {
            __atomic_store_n(words, turn, __ATOMIC_RELEASE);
            while (load(words + 16) != turn * 3) {}
        }
        MUST(hipDeviceSynchronize());
    }
    MUST(hipHostUnregister(own));
    free(own);

    hipStream_t first, second;
    MUST(hipStreamCreateWithFlags(&first, hipStreamNonBlocking));
    MUST(hipStreamCreateWithFlags(&second, hipStreamNonBlocking));
    Device<unsigned> flag(std::vector<unsigned>(1, 0));
    wait_for_other<<<1, 64, 0, first>>>(flag, out);
    set<<<1, 1, 0, second>>>(flag);
    MUST(hipStreamSynchronize(second));
    MUST(hipStreamSynchronize(first));
    got = out.read();
    for (unsigned i = 0; i < 64; i++) equal("after the other", i, got[i], 100 + i);

    unsigned *signal;
    MUST(hipExtMallocWithFlags((void **)&signal, 8, hipMallocSignalMemory));
    *(volatile uint64_t *)signal = 0;
    flag.write({0});
    MUST(hipStreamWaitValue32(first, signal, 5, hipStreamWaitValueGte, 0xffffffff));
    set<<<1, 1, 0, first>>>(flag);
    CHECK(hipStreamQuery(first) == hipErrorNotReady);
    MUST(hipStreamWriteValue32(second, signal, 6, 0));
    MUST(hipStreamSynchronize(first));
    equal("after the value", 0, flag.read()[0], 100u);
    MUST(hipStreamDestroy(first));
    MUST(hipStreamDestroy(second));
    MUST(hipFree(signal));
    MUST(hipHostFree(flags));
    return ok("host_wait");
}
