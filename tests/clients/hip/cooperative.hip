/* A grid whose groups wait for each other, several times; groups of threads and tiles of a wave. */
#include "check.h"
#include <hip/hip_cooperative_groups.h>

namespace cg = cooperative_groups;

/* Each step reads what all other groups wrote in the one before. */
__global__ void steps(unsigned *a, unsigned *b, int count, int turns) {
    cg::grid_group grid = cg::this_grid();
    for (int turn = 0; turn < turns; turn++) {
        for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
            b[i] = a[(i + count / 2 + 1) % count] * 3 + a[i] + turn;
        grid.sync();
        unsigned *swapped = a;
        a = b, b = swapped;
    }
    if (threadIdx.x == 0 && blockIdx.x == 0) b[count] = (unsigned)grid.size(), b[count + 1] = (unsigned)grid.is_valid();
}

__global__ void tiles(const int *in, int *out) {
    cg::thread_block block = cg::this_thread_block();
    cg::thread_block_tile<16> tile = cg::tiled_partition<16>(block);
    int value = in[block.thread_rank() + blockIdx.x * block.size()];
    for (unsigned lane = tile.size() / 2; lane > 0; lane /= 2) value += tile.shfl_xor(value, lane);
    block.sync();
    out[block.thread_rank() + blockIdx.x * block.size()] = value + (int)tile.thread_rank() * 1000;
    if (block.thread_rank() % 3 == 0) {
        cg::coalesced_group there = cg::coalesced_threads();
        out[block.thread_rank() + blockIdx.x * block.size()] = (int)there.size() * 100 + (int)there.thread_rank();
    }
}

int main() {
    int can = 0;
    MUST(hipDeviceGetAttribute(&can, hipDeviceAttributeCooperativeLaunch, 0));
    CHECK(can);
    int count = 5000, turns = 7, per_unit = 0;
    hipDeviceProp_t properties;
    MUST(hipGetDeviceProperties(&properties, 0));
    MUST(hipOccupancyMaxActiveBlocksPerMultiprocessor(&per_unit, (const void *)steps, 128, 0));
    CHECK(per_unit > 0);
    /* Without optimisation each thread of this one has 17 KiB of scratch: on a machine of 4 GiB, kfdd has room for 21 such groups
       at once. */
    for (unsigned groups : {1, 8, 16}) {
        std::vector<unsigned> a(count + 2), b(count + 2, 0);
        for (int i = 0; i < count; i++) a[i] = i * 2654435761u;
        Device<unsigned> x(a), y(b);
        unsigned *in = x, *out = y;
        void *arguments[] = {&in, &out, &count, &turns};
        MUST(hipLaunchCooperativeKernel((const void *)steps, dim3(groups), dim3(128), arguments, 0, nullptr));
        MUST(hipDeviceSynchronize());
        for (int turn = 0; turn < turns; turn++) {
            for (int i = 0; i < count; i++) b[i] = a[(i + count / 2 + 1) % count] * 3 + a[i] + turn;
            std::swap(a, b);
        }
        std::vector<unsigned> got = (turns % 2 ? y : x).read(), other = (turns % 2 ? x : y).read();
        for (int i = 0; i < count; i++) equal("steps", i, got[i], a[i]);
        equal("grid's size", 0, other[count], groups * 128);
        equal("grid is valid", 0, other[count + 1], 1u);
    }
    /* More groups than the device holds at once could never meet. */
    unsigned *none = nullptr;
    void *arguments[] = {&none, &none, &count, &turns};
    hipError_t error = hipLaunchCooperativeKernel((const void *)steps, dim3(per_unit * properties.multiProcessorCount + 1), dim3(128), arguments, 0, nullptr);
    CHECK(error == hipErrorCooperativeLaunchTooLarge);
    (void)hipGetLastError();

    enum { SIZE = 128, GROUPS = 3 };
    std::vector<int> in(SIZE * GROUPS), expected(SIZE * GROUPS);
    for (int i = 0; i < SIZE * GROUPS; i++) in[i] = i * i;
    for (int i = 0; i < SIZE * GROUPS; i++) {
        for (int k = 0; k < 16; k++) expected[i] += in[i / 16 * 16 + k];
        expected[i] += i % 16 * 1000;
        int rank = i % SIZE, lane = rank % 64, wave = rank / 64 * 64;
        if (rank % 3) continue;
        int there = 0, before = 0;
        for (int other = 0; other < 64; other++) {
            there += (wave + other) % 3 == 0;
            before += (wave + other) % 3 == 0 && other < lane;
        }
        expected[i] = there * 100 + before;
    }
    Device<int> input(in), out(in.size());
    LAUNCH(tiles, GROUPS, SIZE, input, out);
    equal("tiles", out.read(), expected);
    return ok("cooperative");
}
