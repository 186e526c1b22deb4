/*
 * Host calls of the unmodified HIP runtime that releases of it answer differently: managed, pooled and virtual memory, and memory
 * that is not there. No kernel of a program is launched. tests/clients/hip.c has what all releases answer.
 *
 *   c++ -o hip_memory tests/clients/hip_memory.cpp -lamdhip64        (libamdhip64-dev)
 *
 * A line for each part: `ok PART`, `skip PART: WHY` or `FAILED PART: WHAT`; exit status 1 when any has failed.
 */
#define __HIP_PLATFORM_AMD__
#include <hip/hip_runtime_api.h>
#include <cstdio>
#include <cstring>
#include <vector>

static const size_t BYTES = 4 << 20;
static int failures;

/* Says how a part went: the first call of it that was not as expected. */
struct Part {
    const char *name;
    bool holds = true;
    explicit Part(const char *name) : name(name) {}
    void must(hipError_t error, const char *call) {
        if (error != hipSuccess) fail(call, hipGetErrorName(error));
    }
    void check(bool fine, const char *what) {
        if (!fine) fail(what, "is not so");
    }
    void fail(const char *what, const char *why) {
        if (holds) printf("FAILED %s: %s: %s\n", name, what, why);
        if (holds) failures++;
        holds = false;
    }
    ~Part() {
        if (holds) printf("ok %s\n", name);
        fflush(stdout);
        (void)hipGetLastError();
    }
};

static std::vector<unsigned char> pattern() {
    std::vector<unsigned char> bytes(BYTES);
    for (size_t i = 0; i < BYTES; i++) bytes[i] = (unsigned char)(i * 7 + (i >> 9));
    return bytes;
}

static void there_and_back(Part &part, void *device) {
    std::vector<unsigned char> sent = pattern(), got(BYTES);
    part.must(hipMemcpy(device, sent.data(), BYTES, hipMemcpyHostToDevice), "hipMemcpy to the device");
    part.must(hipMemcpy(got.data(), device, BYTES, hipMemcpyDeviceToHost), "hipMemcpy to the host");
    part.check(!part.holds || sent == got, "what comes back is what was sent");
}

static void managed() {
    Part part("managed");
    void *memory = nullptr;
    part.must(hipMallocManaged(&memory, BYTES, hipMemAttachGlobal), "hipMallocManaged");
    if (!part.holds) return;
    memset(memory, 7, BYTES);
    there_and_back(part, memory);
    part.must(hipFree(memory), "hipFree");
}

static void pooled() {
    int has = 0;
    if (hipDeviceGetAttribute(&has, hipDeviceAttributeMemoryPoolsSupported, 0) != hipSuccess || !has) {
        printf("skip pooled: this release has no pools here\n");
        return;
    }
    Part part("pooled");
    hipStream_t stream = nullptr;
    void *memory = nullptr;
    part.must(hipStreamCreate(&stream), "hipStreamCreate");
    part.must(hipMallocAsync(&memory, BYTES, stream), "hipMallocAsync");
    part.must(hipStreamSynchronize(stream), "hipStreamSynchronize");
    if (part.holds) there_and_back(part, memory);
    if (memory) part.must(hipFreeAsync(memory, stream), "hipFreeAsync");
    part.must(hipStreamSynchronize(stream), "hipStreamSynchronize");
    part.must(hipStreamDestroy(stream), "hipStreamDestroy");
}

static void registered() {
    Part part("registered");
    std::vector<unsigned char> own(BYTES);
    part.must(hipHostRegister(own.data(), BYTES, 0), "hipHostRegister");
    part.must(hipHostUnregister(own.data()), "hipHostUnregister");
}

static void nothing() {
    Part part("nothing registered");
    part.check(hipHostRegister((void *)0x1000, 4096, 0) != hipSuccess, "hipHostRegister of an address below all memory fails");
    part.check(hipHostRegister((void *)0x500000000000, BYTES, 0) != hipSuccess, "hipHostRegister of a hole fails");
}

static void virtual_memory() {
    int has = 0, count = 0;
    if (hipDeviceGetAttribute(&has, hipDeviceAttributeVirtualMemoryManagementSupported, 0) != hipSuccess || !has) {
        printf("skip virtual: this release has no virtual memory here\n");
        return;
    }
    Part part("virtual");
    part.must(hipGetDeviceCount(&count), "hipGetDeviceCount");
    for (int device = 0; device < count && part.holds; device++) {
        hipMemAllocationProp kind = {};
        kind.type = hipMemAllocationTypePinned;
        kind.location.type = hipMemLocationTypeDevice;
        kind.location.id = device;
        size_t unit = 0;
        hipMemGenericAllocationHandle_t handle;
        void *at = nullptr;
        part.must(hipSetDevice(device), "hipSetDevice");
        part.must(hipMemGetAllocationGranularity(&unit, &kind, hipMemAllocationGranularityRecommended), "hipMemGetAllocationGranularity");
        part.check(!part.holds || (unit && BYTES % unit == 0), "a granularity");
        part.must(hipMemCreate(&handle, BYTES, &kind, 0), "hipMemCreate");
        if (!part.holds) break;
        part.must(hipMemAddressReserve(&at, BYTES, 0, nullptr, 0), "hipMemAddressReserve");
        part.must(hipMemMap(at, BYTES, 0, handle, 0), "hipMemMap");
        std::vector<hipMemAccessDesc> access(count);
        for (int other = 0; other < count; other++) {
            access[other].location = kind.location;
            access[other].location.id = other;
            access[other].flags = hipMemAccessFlagsProtReadWrite;
        }
        part.must(hipMemSetAccess(at, BYTES, access.data(), access.size()), "hipMemSetAccess");
        if (part.holds) there_and_back(part, at);
        part.must(hipMemUnmap(at, BYTES), "hipMemUnmap");
        part.must(hipMemRelease(handle), "hipMemRelease");
        part.must(hipMemAddressFree(at, BYTES), "hipMemAddressFree");
    }
}

static void exhausted() {
    Part part("exhausted");
    void *memory = nullptr;
    part.check(hipMalloc(&memory, (size_t)1 << 44) == hipErrorOutOfMemory, "hipMalloc of 16 TiB is out of memory");
    part.must(hipMalloc(&memory, BYTES), "hipMalloc after that");
    there_and_back(part, memory);
    part.must(hipFree(memory), "hipFree");
}

int main(void) {
    if (hipInit(0) != hipSuccess) {
        printf("FAILED init\n");
        return 1;
    }
    managed();
    pooled();
    registered();
    nothing();
    virtual_memory();
    exhausted();
    return failures != 0;
}
