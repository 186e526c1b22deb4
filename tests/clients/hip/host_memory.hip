/* Kernels on the host's memory: pinned, mapped, coherent and not, and registered pages of the program's own. */
#include "check.h"

__global__ void transform(const unsigned *in, unsigned *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = in[count - 1 - i] * 2654435761u + i;
}

static void check_all(const char *what, unsigned *in, unsigned *out, int count) {
    unsigned *device_in, *device_out;
    for (int i = 0; i < count; i++) in[i] = i * 7 + 1, out[i] = 0;
    MUST(hipHostGetDevicePointer((void **)&device_in, in, 0));
    MUST(hipHostGetDevicePointer((void **)&device_out, out, 0));
    for (int turn = 0; turn < 2; turn++) {
        LAUNCH(transform, groups_of(count, 256), 256, device_in, device_out, count);
        MUST(hipDeviceSynchronize());
        for (int i = 0; i < count; i++) equal(what, i, out[i], in[count - 1 - i] * 2654435761u + i);
        for (int i = 0; i < count; i++) in[i] += 3;
    }
}

int main() {
    const int count = 20011;
    for (unsigned flags : {(unsigned)hipHostMallocDefault, (unsigned)hipHostMallocMapped, (unsigned)hipHostMallocCoherent, (unsigned)hipHostMallocNonCoherent,
                           (unsigned)(hipHostMallocPortable | hipHostMallocWriteCombined)}) {
        unsigned *in, *out;
        MUST(hipHostMalloc((void **)&in, count * sizeof *in, flags));
        MUST(hipHostMalloc((void **)&out, count * sizeof *out, flags));
        check_all("pinned", in, out, count);
        MUST(hipHostFree(in));
        MUST(hipHostFree(out));
    }
    /* Aligned to a page, and not. */
    std::vector<unsigned> room(2 * count + 4096);
    for (size_t shift : {(size_t)0, (size_t)13}) {
        unsigned *in = (unsigned *)(((uintptr_t)room.data() + 4095) & ~(uintptr_t)4095) + shift;
        unsigned *out = (unsigned *)malloc((count + 1) * sizeof *out);
        out[count] = 0xdeadbeef;
        MUST(hipHostRegister(in, count * sizeof *in, hipHostRegisterMapped));
        MUST(hipHostRegister(out, count * sizeof *out, hipHostRegisterDefault));
        check_all("registered", in, out, count);
        equal("the word after", 0, out[count], 0xdeadbeefu);
        MUST(hipHostUnregister(in));
        MUST(hipHostUnregister(out));
        free(out);
    }
    return ok("host_memory");
}
