/* Grids of every shape: three dimensions, odd sizes of groups, one thread, a million, and each thread once. */
#include "check.h"

__global__ void mark(unsigned *seen, dim3 size) {
    unsigned x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y, z = blockIdx.z * blockDim.z + threadIdx.z;
    size_t i = ((size_t)z * size.y + y) * size.x + x;
    unsigned group = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    atomicAdd(&seen[i], group * 1031 + thread + 1);
}

static void shape(dim3 groups, dim3 size) {
    dim3 whole(groups.x * size.x, groups.y * size.y, groups.z * size.z);
    size_t count = (size_t)whole.x * whole.y * whole.z;
    Device<unsigned> seen(count);
    MUST(hipMemset(seen, 0, count * sizeof(unsigned)));
    LAUNCH(mark, groups, size, seen, whole);
    std::vector<unsigned> got = seen.read();
    for (size_t i = 0; i < count; i++) {
        unsigned x = i % whole.x, y = i / whole.x % whole.y, z = (unsigned)(i / whole.x / whole.y);
        unsigned group = (z / size.z * groups.y + y / size.y) * groups.x + x / size.x;
        unsigned thread = (z % size.z * size.y + y % size.y) * size.x + x % size.x;
        if (got[i] != group * 1031 + thread + 1)
            wrong("%ux%ux%u groups of %ux%ux%u: thread %u,%u,%u", groups.x, groups.y, groups.z, size.x, size.y, size.z, x, y, z);
    }
}

/* Grids of more threads than any device holds at once. */
__global__ void tally(unsigned *count) { atomicAdd(count, 1u); }

static void many(dim3 groups, dim3 size) {
    Device<unsigned> count(std::vector<unsigned>(1, 0));
    LAUNCH(tally, groups, size, count);
    equal("threads", groups.x, count.read()[0], groups.x * groups.y * groups.z * size.x * size.y * size.z);
}

__global__ void sizes(unsigned *out, unsigned count) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = gridDim.x * 10000 + blockDim.x;
}

int main() {
    shape(dim3(1), dim3(1));
    shape(dim3(3), dim3(1));
    shape(dim3(7), dim3(63));
    shape(dim3(5), dim3(65));
    shape(dim3(2), dim3(1023));
    shape(dim3(3), dim3(1024));
    shape(dim3(2, 3, 4), dim3(5, 7, 3));
    shape(dim3(4, 1, 2), dim3(1, 1, 64));
    shape(dim3(3, 5), dim3(33, 3));
    shape(dim3(1, 300), dim3(4, 1));
    shape(dim3(70), dim3(256));
    many(dim3(4096), dim3(256));
    many(dim3(1, 70000), dim3(4));
    many(dim3(2, 2, 40000), dim3(1));
    Device<unsigned> out(1000);
    LAUNCH(sizes, 8, 127, out, 1000);
    equal("sizes", out.read(), std::vector<unsigned>(1000, 80127));
    return ok("grids");
}
