/* Events: times between them are sane, kernels' clocks and the host's agree, queries tell what is done. */
#include "check.h"
#include <chrono>

static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

__global__ void work(unsigned *out, int turns) {
    unsigned value = threadIdx.x;
    for (int k = 0; k < turns; k++) value = value * 1664525u + 1013904223u;
    out[blockIdx.x * blockDim.x + threadIdx.x] = value;
}
__global__ void clocks(long long *out) {
    long long start = (long long)__builtin_amdgcn_s_memrealtime(), cycles = clock64();
    unsigned value = threadIdx.x;
    for (int k = 0; k < 2000; k++) value = value * 1664525u + 1013904223u;
    out[0] = start;
    out[1] = value;
    out[2] = (long long)__builtin_amdgcn_s_memrealtime();
    out[3] = cycles;
    out[4] = clock64();
}

int main() {
    enum { GROUPS = 4, SIZE = 64, EVENTS = 8 };
    hipStream_t stream;
    hipEvent_t events[EVENTS];
    MUST(hipStreamCreate(&stream));
    for (hipEvent_t &event : events) MUST(hipEventCreate(&event));
    Device<unsigned> out(GROUPS * SIZE);
    work<<<GROUPS, SIZE, 0, stream>>>(out, 1);
    MUST(hipStreamSynchronize(stream));

    double begin = now();
    MUST(hipEventRecord(events[0], stream));
    for (int k = 1; k < EVENTS; k++) {
        work<<<GROUPS, SIZE, 0, stream>>>(out, 4000);
        MUST(hipEventRecord(events[k], stream));
    }
    MUST(hipEventSynchronize(events[EVENTS - 1]));
    float whole = (float)((now() - begin) * 1000), sum = 0;
    for (int k = 1; k < EVENTS; k++) {
        float took = -1;
        CHECK(hipEventQuery(events[k]) == hipSuccess);
        MUST(hipEventElapsedTime(&took, events[k - 1], events[k]));
        if (!(took >= 0 && took <= whole)) wrong("a kernel took %f ms of %f ms", took, whole);
        sum += took;
    }
    float all = -1;
    MUST(hipEventElapsedTime(&all, events[0], events[EVENTS - 1]));
    if (!(all > 0 && all <= whole && fabsf(sum - all) < 0.02f)) wrong("all took %f ms, their sum %f ms, as the host saw %f ms", all, sum, whole);
    std::vector<unsigned> got = out.read();
    for (unsigned i = 0; i < got.size(); i++) {
        unsigned value = i % SIZE;
        for (int k = 0; k < 4000; k++) value = value * 1664525u + 1013904223u;
        equal("work", i, got[i], value);
    }

    Device<long long> times(5);
    int khz = 0;
    MUST(hipDeviceGetAttribute(&khz, hipDeviceAttributeClockRate, 0));
    CHECK(khz > 0);
    begin = now();
    clocks<<<1, 1>>>(times);
    MUST(hipDeviceSynchronize());
    std::vector<long long> first = times.read();
    double before = now();
    while (now() - before < 0.05) {}
    clocks<<<1, 1>>>(times);
    MUST(hipDeviceSynchronize());
    double end = now();
    std::vector<long long> second = times.read();
    CHECK(first[2] >= first[0] && first[4] >= first[3] && second[0] > first[2]);
    /* That clock is the one of timestamps, of 27 MHz on gfx900 (amdgpu_asic_get_xclk) and of 100 MHz on later ones. */
    hipDeviceProp_t properties;
    MUST(hipGetDeviceProperties(&properties, 0));
    double hertz = strncmp(properties.gcnArchName, "gfx900", 6) == 0 ? 27e6 : 100e6;
    double ticks = (double)(second[2] - first[0]) / hertz;
    if (!(ticks >= 0.05 && ticks <= end - begin)) wrong("%f s by the kernels' clock, %f s by the host's", ticks, end - begin);
    for (hipEvent_t event : events) MUST(hipEventDestroy(event));
    MUST(hipStreamDestroy(stream));
    return ok("events");
}
