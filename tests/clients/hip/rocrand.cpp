/*
 * rocRAND's generators, whose kernels come compiled with the library, held against their published algorithms.
 *
 *   c++ -O2 rocrand.cpp -lrocrand -lamdhip64        (librocrand-dev)
 *
 * Philox4x32-10: J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011), with the known answer of Random123.
 * XORWOW: G. Marsaglia, Xorshift RNGs (2003). Sobol: S. Joe and F. Y. Kuo (2008); its first dimension is van der Corput's sequence.
 */
#define __HIP_PLATFORM_AMD__
#include <hip/hip_runtime_api.h>
#include <rocrand/rocrand.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define MUST(call)                                                \
    do {                                                          \
        int status = (int)(call);                                 \
        if (status != 0) {                                        \
            printf("wrong: %s: %d\n", #call, status);             \
            exit(1);                                              \
        }                                                         \
    } while (0)

template <class T> struct Output {
    T *at = nullptr;
    size_t count;
    explicit Output(size_t count) : count(count) {
        MUST(hipMalloc((void **)&at, count * sizeof(T)));
        MUST(hipMemset(at, 0, count * sizeof(T)));
    }
    ~Output() { (void)hipFree(at); }
    std::vector<T> read() const {
        std::vector<T> values(count);
        MUST(hipMemcpy(values.data(), at, count * sizeof(T), hipMemcpyDeviceToHost));
        return values;
    }
};

static void equal(const char *what, size_t i, double got, double expected, double within = 0) {
    if (fabs(got - expected) <= within) return;
    printf("wrong: %s[%zu] is %.17g, not %.17g\n", what, i, got, expected);
    exit(1);
}

struct Four {
    uint32_t word[4];
};
static Four philox(Four counter, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53 * counter.word[0], b = (uint64_t)0xcd9e8d57 * counter.word[2];
        counter = {{(uint32_t)(b >> 32) ^ counter.word[1] ^ key0, (uint32_t)b, (uint32_t)(a >> 32) ^ counter.word[3] ^ key1, (uint32_t)a}};
        key0 += 0x9e3779b9, key1 += 0xbb67ae85;
    }
    return counter;
}
static uint32_t philox_at(uint64_t i, uint64_t seed) {
    return philox({{(uint32_t)(i / 4), (uint32_t)(i / 4 >> 32), 0, 0}}, (uint32_t)seed, (uint32_t)(seed >> 32)).word[i % 4];
}

static void with_philox(uint64_t seed) {
    enum { COUNT = 1 << 18 };
    rocrand_generator generator;
    MUST(rocrand_create_generator(&generator, ROCRAND_RNG_PSEUDO_PHILOX4_32_10));
    MUST(rocrand_set_seed(generator, seed));
    Output<unsigned> bits(COUNT);
    MUST(rocrand_generate(generator, bits.at, COUNT));
    std::vector<unsigned> got = bits.read();
    if (seed == 0) {
        const uint32_t known[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
        for (int i = 0; i < 4; i++) equal("Random123's known answer", i, got[i], known[i]);
    }
    for (size_t i = 0; i < COUNT; i++) equal("Philox", i, got[i], philox_at(i, seed));
    /* It goes on where it was. */
    Output<float> uniform(COUNT);
    MUST(rocrand_generate_uniform(generator, uniform.at, COUNT));
    std::vector<float> floats = uniform.read();
    for (size_t i = 0; i < COUNT; i++) {
        float unit = 2.3283064e-10f;
        equal("uniform", i, floats[i], fmaf((float)philox_at(COUNT + i, seed), unit, unit), 0x1p-24);
    }
    Output<float> normal(COUNT);
    MUST(rocrand_generate_normal(generator, normal.at, COUNT, 3.0f, 2.0f));
    floats = normal.read();
    for (size_t i = 0; i < COUNT; i += 2) {
        double u = (philox_at(2 * COUNT + i, seed) + 1.0) * 0x1p-32, v = (philox_at(2 * COUNT + i + 1, seed) + 1.0) * 0x1p-32 * 2 * M_PI;
        double radius = sqrt(-2 * log(u));
        equal("normal", i, floats[i], 3 + 2 * radius * sin(v), 2e-5);
        equal("normal", i + 1, floats[i + 1], 3 + 2 * radius * cos(v), 2e-5);
    }
    MUST(rocrand_destroy_generator(generator));
}

/* The sequence of the first thread begins with these numbers; who has the second one is the library's business. */
static void with_xorwow() {
    enum { COUNT = 1 << 19 };
    rocrand_generator generator;
    const uint64_t seed = 0x123456789abcdefull;
    MUST(rocrand_create_generator(&generator, ROCRAND_RNG_PSEUDO_XORWOW));
    MUST(rocrand_set_seed(generator, seed));
    Output<unsigned> bits(COUNT);
    MUST(rocrand_generate(generator, bits.at, COUNT));
    std::vector<unsigned> got = bits.read();
    uint32_t t0 = 1228688033u * ((uint32_t)seed ^ 0x2c7f967f), t1 = 2073658381u * ((uint32_t)(seed >> 32) ^ 0xa03697cb);
    uint32_t x[5] = {123456789u + t0, 362436069u ^ t0, 521288629u + t1, 88675123u ^ t1, 5783321u + t0}, d = 6615241u + t1 + t0;
    size_t at = 0;
    for (int turn = 0; turn < 4; turn++) {
        uint32_t t = x[0] ^ x[0] >> 2;
        for (int k = 0; k < 4; k++) x[k] = x[k + 1];
        x[4] = x[4] ^ x[4] << 4 ^ t ^ t << 1;
        d += 362437;
        uint32_t next = d + x[4];
        if (turn == 0) equal("XORWOW", 0, got[0], next);
        while (at < COUNT && got[at] != next) at++;
        if (at == COUNT) {
            printf("wrong: XORWOW: number %d of the first thread is nowhere behind the one before\n", turn);
            exit(1);
        }
    }
    double sum = 0;
    for (unsigned one : got) sum += one * 0x1p-32;
    equal("XORWOW's mean", 0, sum / COUNT, 0.5, 0.005);
    MUST(rocrand_destroy_generator(generator));
}

static void with_sobol() {
    enum { COUNT = 1 << 16 };
    rocrand_generator generator;
    MUST(rocrand_create_generator(&generator, ROCRAND_RNG_QUASI_SOBOL32));
    MUST(rocrand_set_quasi_random_generator_dimensions(generator, 2));
    Output<unsigned> bits(2 * COUNT);
    MUST(rocrand_generate(generator, bits.at, 2 * COUNT));
    std::vector<unsigned> got = bits.read();
    /* The second dimension has the polynomial x + 1: each direction number is the one before, and itself shifted. */
    uint32_t direction[32];
    for (int k = 0; k < 32; k++) direction[k] = k == 0 ? 0x80000000u : direction[k - 1] ^ direction[k - 1] >> 1;
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t gray = i ^ i >> 1, first = 0, second = 0;
        for (int k = 0; k < 32; k++)
            if (gray >> k & 1) first ^= 0x80000000u >> k, second ^= direction[k];
        equal("Sobol's first dimension", i, got[i], first);
        equal("Sobol's second dimension", i, got[COUNT + i], second);
    }
    MUST(rocrand_destroy_generator(generator));
}

int main() {
    with_philox(0);
    with_philox(0xfeedface12345678ull);
    with_xorwow();
    with_sobol();
    MUST(hipDeviceSynchronize());
    printf("ok rocrand\n");
    return 0;
}
