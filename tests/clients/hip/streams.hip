/* Streams: order within each, none between them, events that make one wait for another, callbacks, threads of the host. */
#include "check.h"
#include <atomic>
#include <thread>

__global__ void append(unsigned *log, unsigned number) {
    if (blockIdx.x == 0 && threadIdx.x == 0) log[log[0]++ + 1] = number;
}
__global__ void scale(float *numbers, float by, float plus, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) numbers[i] = numbers[i] * by + plus;
}

static void in_order() {
    enum { STREAMS = 6, EACH = 40 };
    hipStream_t streams[STREAMS];
    std::vector<Device<unsigned> *> logs;
    for (int s = 0; s < STREAMS; s++) {
        if (s % 2)
            MUST(hipStreamCreateWithFlags(&streams[s], hipStreamNonBlocking));
        else
            MUST(hipStreamCreate(&streams[s]));
        logs.push_back(new Device<unsigned>(std::vector<unsigned>(EACH + 1, 0)));
    }
    for (unsigned k = 0; k < EACH; k++)
        for (int s = 0; s < STREAMS; s++) append<<<1 + k % 3, 64, 0, streams[s]>>>(*logs[s], k * STREAMS + s);
    MUST(hipGetLastError());
    for (int s = 0; s < STREAMS; s++) {
        MUST(hipStreamSynchronize(streams[s]));
        CHECK(hipStreamQuery(streams[s]) == hipSuccess);
        std::vector<unsigned> got = logs[s]->read(), expected(1, EACH);
        for (unsigned k = 0; k < EACH; k++) expected.push_back(k * STREAMS + s);
        equal("log", got, expected);
        MUST(hipStreamDestroy(streams[s]));
        delete logs[s];
    }
}

/* A pipeline over two streams: copies in one, kernels in the other. */
static void pipeline() {
    enum { COUNT = 20000, CHUNKS = 8 };
    hipStream_t copies, kernels;
    MUST(hipStreamCreate(&copies));
    MUST(hipStreamCreateWithPriority(&kernels, hipStreamNonBlocking, -1));
    float *host;
    MUST(hipHostMalloc((void **)&host, COUNT * CHUNKS * sizeof(float), 0));
    for (int i = 0; i < COUNT * CHUNKS; i++) host[i] = (float)(i % 1000);
    Device<float> memory(COUNT * CHUNKS);
    hipEvent_t there[CHUNKS], done[CHUNKS];
    for (int k = 0; k < CHUNKS; k++) {
        float *chunk = memory + k * COUNT;
        MUST(hipEventCreate(&there[k]));
        MUST(hipEventCreateWithFlags(&done[k], hipEventDisableTiming));
        MUST(hipMemcpyAsync(chunk, host + k * COUNT, COUNT * sizeof(float), hipMemcpyHostToDevice, copies));
        MUST(hipEventRecord(there[k], copies));
        MUST(hipStreamWaitEvent(kernels, there[k], 0));
        scale<<<groups_of(COUNT, 256), 256, 0, kernels>>>(chunk, 2, (float)k, COUNT);
        MUST(hipEventRecord(done[k], kernels));
    }
    for (int k = 0; k < CHUNKS; k++) {
        MUST(hipStreamWaitEvent(copies, done[k], 0));
        MUST(hipMemcpyAsync(host + k * COUNT, memory + k * COUNT, COUNT * sizeof(float), hipMemcpyDeviceToHost, copies));
    }
    MUST(hipStreamSynchronize(copies));
    for (int i = 0; i < COUNT * CHUNKS; i++) equal("pipeline", i, host[i], (float)(i % 1000) * 2 + (float)(i / COUNT));
    for (int k = 0; k < CHUNKS; k++) {
        MUST(hipEventDestroy(there[k]));
        MUST(hipEventDestroy(done[k]));
    }
    MUST(hipHostFree(host));
    MUST(hipStreamDestroy(copies));
    MUST(hipStreamDestroy(kernels));
}

static void called(hipStream_t, hipError_t status, void *count) {
    if (status == hipSuccess) ++*(std::atomic<int> *)count;
}

static void callbacks() {
    hipStream_t stream;
    MUST(hipStreamCreate(&stream));
    std::atomic<int> count(0);
    Device<unsigned> log(std::vector<unsigned>(21, 0));
    for (int k = 0; k < 10; k++) {
        append<<<1, 1, 0, stream>>>(log, k);
        MUST(hipStreamAddCallback(stream, called, &count, 0));
    }
    MUST(hipStreamSynchronize(stream));
    CHECK(count == 10);
    CHECK(log.read()[0] == 10);
    MUST(hipStreamDestroy(stream));
}

static void threads() {
    enum { THREADS = 4, COUNT = 3000 };
    std::vector<std::thread> all;
    std::vector<float> results[THREADS];
    for (int t = 0; t < THREADS; t++)
        all.emplace_back([t, &results] {
            MUST(hipSetDevice(0));
            hipStream_t stream;
            MUST(hipStreamCreate(&stream));
            Device<float> memory(std::vector<float>(COUNT, (float)t));
            for (int k = 0; k < 10; k++) scale<<<groups_of(COUNT, 64), 64, 0, stream>>>(memory, 2, 1, COUNT);
            MUST(hipStreamSynchronize(stream));
            results[t] = memory.read();
            MUST(hipStreamDestroy(stream));
        });
    for (std::thread &one : all) one.join();
    for (int t = 0; t < THREADS; t++) equal("of a thread", results[t], std::vector<float>(COUNT, t * 1024.0f + 1023.0f));
}

int main() {
    in_order();
    pipeline();
    callbacks();
    threads();
    return ok("streams");
}
