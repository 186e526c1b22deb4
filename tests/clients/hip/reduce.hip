/* Sums and extrema of many numbers: by LDS and barriers, by shuffles, and by groups that the last one ends. */
#include "check.h"
#include <algorithm>

__global__ void by_shared(const unsigned *numbers, unsigned long long *total, size_t count) {
    __shared__ unsigned long long part[256];
    unsigned long long sum = 0;
    for (size_t i = blockIdx.x * 256 + threadIdx.x; i < count; i += (size_t)gridDim.x * 256) sum += numbers[i];
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) atomicAdd(total, part[0]);
}

__global__ void by_shuffles(const int *numbers, int *least, int *most, size_t count) {
    int low = INT_MAX, high = INT_MIN;
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += (size_t)gridDim.x * blockDim.x) {
        low = min(low, numbers[i]);
        high = max(high, numbers[i]);
    }
    for (int lane = 32; lane > 0; lane /= 2) {
        low = min(low, __shfl_down(low, lane));
        high = max(high, __shfl_xor(high, lane));
    }
    if (threadIdx.x % 64 == 0) {
        atomicMin(least, low);
        atomicMax(most, high);
    }
}

__device__ unsigned arrived;

/* The last group to arrive adds what all have left in memory, in one order. */
__global__ void by_last(const float *numbers, float *parts, float *total, size_t count) {
    __shared__ float part[128];
    __shared__ bool last;
    float sum = 0;
    for (size_t i = blockIdx.x * 128 + threadIdx.x; i < count; i += (size_t)gridDim.x * 128) sum += numbers[i];
    part[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        float all = 0;
        for (float one : part) all += one;
        parts[blockIdx.x] = all;
        __threadfence();
        last = atomicInc(&arrived, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        __threadfence();
        float all = 0;
        for (unsigned i = 0; i < gridDim.x; i++) all += ((volatile float *)parts)[i];
        *total = all;
    }
}

int main() {
    const size_t count = 123457;
    Random random(3);
    std::vector<unsigned> numbers(count);
    std::vector<int> signed_numbers(count);
    std::vector<float> floats(count);
    unsigned long long sum = 0;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (unsigned)random.bits();
        signed_numbers[i] = (int)numbers[i];
        /* Integers that f32 sums exactly, in whatever order. */
        floats[i] = (float)(int)(random.bits() % 100);
        sum += numbers[i];
    }
    Device<unsigned> input(numbers);
    Device<unsigned long long> total(std::vector<unsigned long long>(1, 0));
    LAUNCH(by_shared, 37, 256, input, total, count);
    equal("sum", 0, total.read()[0], sum);

    Device<int> signed_input(signed_numbers), least(std::vector<int>(1, INT_MAX)), most(std::vector<int>(1, INT_MIN));
    LAUNCH(by_shuffles, 19, 320, signed_input, least, most, count);
    equal("least", 0, least.read()[0], *std::min_element(signed_numbers.begin(), signed_numbers.end()));
    equal("most", 0, most.read()[0], *std::max_element(signed_numbers.begin(), signed_numbers.end()));

    float exact = 0;
    for (float one : floats) exact += one;
    Device<float> float_input(floats), parts(61), float_total(1);
    for (int turn = 0; turn < 3; turn++) {
        LAUNCH(by_last, 61, 128, float_input, parts, float_total, count);
        equal("sum by the last group", turn, float_total.read()[0], exact);
    }
    return ok("reduce");
}
