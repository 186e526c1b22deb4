/* Graphs: captured from streams and built by nodes, launched many times, with other arguments. */
#include "check.h"

__global__ void scale(float *numbers, float by, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) numbers[i] *= by;
}
__global__ void add(const float *a, const float *b, float *sum, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) sum[i] = a[i] + b[i];
}

enum { COUNT = 3000, BYTES = COUNT * sizeof(float) };

static void captured() {
    hipStream_t stream, beside;
    hipEvent_t fork, join;
    MUST(hipStreamCreate(&stream));
    MUST(hipStreamCreate(&beside));
    MUST(hipEventCreate(&fork));
    MUST(hipEventCreate(&join));
    float *in, *out;
    MUST(hipHostMalloc((void **)&in, BYTES, 0));
    MUST(hipHostMalloc((void **)&out, BYTES, 0));
    Device<float> a(COUNT), b(COUNT), sum(COUNT);
    hipGraph_t graph;
    hipGraphExec_t run;
    MUST(hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal));
    MUST(hipMemcpyAsync(a, in, BYTES, hipMemcpyHostToDevice, stream));
    MUST(hipEventRecord(fork, stream));
    MUST(hipStreamWaitEvent(beside, fork, 0));
    MUST(hipMemsetAsync(b, 0, BYTES, beside));
    scale<<<groups_of(COUNT, 256), 256, 0, beside>>>(b, 5, COUNT);
    scale<<<groups_of(COUNT, 256), 256, 0, stream>>>(a, 3, COUNT);
    MUST(hipEventRecord(join, beside));
    MUST(hipStreamWaitEvent(stream, join, 0));
    add<<<groups_of(COUNT, 256), 256, 0, stream>>>(a, b, sum, COUNT);
    MUST(hipMemcpyAsync(out, sum, BYTES, hipMemcpyDeviceToHost, stream));
    MUST(hipStreamEndCapture(stream, &graph));
    MUST(hipGraphInstantiate(&run, graph, nullptr, nullptr, 0));
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < COUNT; i++) in[i] = (float)(i + turn), out[i] = -1;
        MUST(hipGraphLaunch(run, stream));
        MUST(hipStreamSynchronize(stream));
        for (int i = 0; i < COUNT; i++) equal("captured", i, out[i], 3.0f * (float)(i + turn));
    }
    MUST(hipGraphExecDestroy(run));
    MUST(hipGraphDestroy(graph));
    MUST(hipHostFree(in));
    MUST(hipHostFree(out));
    MUST(hipEventDestroy(fork));
    MUST(hipEventDestroy(join));
    MUST(hipStreamDestroy(stream));
    MUST(hipStreamDestroy(beside));
}

static void built() {
    hipStream_t stream;
    MUST(hipStreamCreate(&stream));
    std::vector<float> in(COUNT), out(COUNT);
    for (int i = 0; i < COUNT; i++) in[i] = (float)i;
    Device<float> a(COUNT), b(COUNT), sum(COUNT);
    hipGraph_t graph;
    hipGraphExec_t run;
    hipGraphNode_t to_a, to_b, scaled, added, from_sum;
    MUST(hipGraphCreate(&graph, 0));
    MUST(hipGraphAddMemcpyNode1D(&to_a, graph, nullptr, 0, a, in.data(), BYTES, hipMemcpyHostToDevice));
    hipMemsetParams fill = {};
    fill.dst = b.at;
    fill.elementSize = 4;
    fill.width = COUNT;
    fill.height = 1;
    fill.value = 0x40000000; /* 2.0f */
    MUST(hipGraphAddMemsetNode(&to_b, graph, nullptr, 0, &fill));
    float by = 4;
    int count = COUNT;
    float *pa = a, *pb = b, *psum = sum;
    void *scale_arguments[] = {&pa, &by, &count}, *add_arguments[] = {&pa, &pb, &psum, &count};
    hipKernelNodeParams kernel = {};
    kernel.func = (void *)scale;
    kernel.gridDim = dim3(groups_of(COUNT, 128));
    kernel.blockDim = dim3(128);
    kernel.kernelParams = scale_arguments;
    MUST(hipGraphAddKernelNode(&scaled, graph, &to_a, 1, &kernel));
    hipKernelNodeParams adding = kernel;
    adding.func = (void *)add;
    adding.kernelParams = add_arguments;
    hipGraphNode_t both[] = {scaled, to_b};
    MUST(hipGraphAddKernelNode(&added, graph, both, 2, &adding));
    MUST(hipGraphAddMemcpyNode1D(&from_sum, graph, &added, 1, out.data(), sum, BYTES, hipMemcpyDeviceToHost));
    MUST(hipGraphInstantiate(&run, graph, nullptr, nullptr, 0));
    for (float factor : {4.0f, 0.5f}) {
        by = factor;
        MUST(hipGraphExecKernelNodeSetParams(run, scaled, &kernel));
        for (int turn = 0; turn < 2; turn++) {
            MUST(hipGraphLaunch(run, stream));
            MUST(hipStreamSynchronize(stream));
            for (int i = 0; i < COUNT; i++) equal("built", i, out[i], factor * (float)i + 2.0f);
        }
    }
    MUST(hipGraphExecDestroy(run));
    MUST(hipGraphDestroy(graph));
    MUST(hipStreamDestroy(stream));
}

int main() {
    captured();
    built();
    return ok("graphs");
}
