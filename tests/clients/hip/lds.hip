/* LDS in words of 8 to 128 bits, signed and not, aligned or not, all 64 KiB of it, and of a size that the launch says. */
#include "check.h"

enum { SIZE = 256 };

/* Each thread writes a value of T in an order of its own, and reads what another wrote. */
template <class T> __global__ void exchange(const T *in, T *out) {
    __shared__ T room[SIZE];
    unsigned i = threadIdx.x;
    room[i * 37 % SIZE] = in[i];
    __syncthreads();
    out[i] = room[(i + 11) % SIZE];
}

template <class T> static bool alike(const T &a, const T &b) { return memcmp(&a, &b, sizeof(T)) == 0; }

template <class T> static void width(const char *name) {
    Random random(sizeof(T));
    std::vector<T> in(SIZE), by_slot(SIZE);
    for (T &one : in)
        for (size_t k = 0; k < sizeof(T); k++) ((unsigned char *)&one)[k] = (unsigned char)random.bits();
    for (unsigned i = 0; i < SIZE; i++) by_slot[i * 37 % SIZE] = in[i];
    Device<T> input(in), out(SIZE);
    LAUNCH(exchange<T>, 3, SIZE, input, out);
    std::vector<T> got = out.read();
    for (unsigned i = 0; i < SIZE; i++)
        if (!alike(got[i], by_slot[(i + 11) % SIZE])) wrong("%s: element %u is not what was written", name, i);
}

struct alignas(8) Eight { int a, b; };
struct alignas(16) Sixteen { int a, b, c, d; };
struct Twelve { int a, b, c; };
struct __attribute__((packed)) Odd { char a; int b; short c; };

__global__ void signs(const signed char *in, int *out) {
    __shared__ signed char bytes[SIZE];
    __shared__ short shorts[SIZE];
    __shared__ unsigned char plain[SIZE];
    unsigned i = threadIdx.x;
    bytes[i] = in[i], plain[i] = (unsigned char)in[i], shorts[i] = (short)(in[i] * 100);
    __syncthreads();
    out[i] = bytes[SIZE - 1 - i] * 65536 + shorts[i ^ 1] + plain[i ^ 3];
}

extern __shared__ float dynamic[];
__global__ void rotate(const float *in, float *out, int count) {
    for (int i = threadIdx.x; i < count; i += blockDim.x) dynamic[i] = in[i];
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += blockDim.x) out[i] = dynamic[(i + 1001) % count];
}

/* Two places of one array at once; by pointers of which nobody knows where they lead. */
__global__ void generic(const int *memory, int *out) {
    __shared__ int room[2 * SIZE];
    unsigned i = threadIdx.x;
    room[i] = memory[i], room[i + SIZE] = -memory[i];
    __syncthreads();
    const int *from = memory[i] % 2 ? room + (i ^ 5) : memory + (i ^ 9);
    out[i] = *from + room[i] + room[i + SIZE] + room[SIZE - 1 - i];
}

/* A whole group's 64 KiB, which no second group has beside it. */
__global__ void whole(unsigned *out) {
    extern __shared__ unsigned all[];
    for (unsigned i = threadIdx.x; i < 16384; i += blockDim.x) all[i] = i * 2654435761u + blockIdx.x;
    __syncthreads();
    unsigned sum = 0;
    for (unsigned i = threadIdx.x; i < 16384; i += blockDim.x) sum ^= all[16383 - i] * (i + 1);
    atomicXor(out + blockIdx.x, sum);
}

int main() {
    width<uint8_t>("8 bits");
    width<uint16_t>("16 bits");
    width<uint32_t>("32 bits");
    width<uint64_t>("64 bits");
    width<Eight>("8 bytes");
    width<Twelve>("12 bytes");
    width<Sixteen>("16 bytes");
    width<Odd>("7 bytes, packed");

    Random random(9);
    std::vector<signed char> bytes(SIZE);
    std::vector<int> numbers(SIZE), expected(SIZE);
    for (int i = 0; i < SIZE; i++) bytes[i] = (signed char)random.bits(), numbers[i] = (int)(random.bits() % 2000001) - 1000000;
    for (int i = 0; i < SIZE; i++) expected[i] = bytes[SIZE - 1 - i] * 65536 + (short)(bytes[i ^ 1] * 100) + (unsigned char)bytes[i ^ 3];
    Device<signed char> in(bytes);
    Device<int> out(SIZE), memory(numbers);
    LAUNCH(signs, 1, SIZE, in, out);
    equal("signs", out.read(), expected);
    for (int i = 0; i < SIZE; i++) expected[i] = numbers[numbers[i] % 2 ? i ^ 5 : i ^ 9] + numbers[SIZE - 1 - i];
    LAUNCH(generic, 2, SIZE, memory, out);
    equal("generic", out.read(), expected);

    const int count = 12000;
    std::vector<float> values(count), rotated(count);
    for (float &value : values) value = random.unit();
    for (int i = 0; i < count; i++) rotated[i] = values[(i + 1001) % count];
    Device<float> from(values), to(count);
    rotate<<<1, 512, count * sizeof(float)>>>(from, to, count);
    MUST(hipGetLastError());
    equal("rotated", to.read(), rotated);

    enum { GROUPS = 5 };
    std::vector<unsigned> sums(GROUPS, 0);
    for (unsigned group = 0; group < GROUPS; group++)
        for (unsigned i = 0; i < 16384; i++) sums[group] ^= ((16383 - i) * 2654435761u + group) * (i + 1);
    Device<unsigned> totals(std::vector<unsigned>(GROUPS, 0));
    whole<<<GROUPS, 1024, 65536>>>(totals);
    MUST(hipGetLastError());
    equal("whole", totals.read(), sums);
    return ok("lds");
}
