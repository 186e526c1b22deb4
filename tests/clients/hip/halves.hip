/* f16 alone and in pairs: conversions of every half, and arithmetic that is rounded once. */
#include "check.h"
#include <hip/hip_fp16.h>

typedef _Float16 half_t;

/* Every half as float; the way back for floats about each half. */
__global__ void convert(float *wide, unsigned short *back, unsigned short *between) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    half_t h;
    unsigned short bits = (unsigned short)i;
    memcpy(&h, &bits, 2);
    wide[i] = (float)h;
    half_t again = (half_t)wide[i];
    memcpy(&back[i], &again, 2);
    half_t rounded = (half_t)(wide[i] * 1.0003f);
    memcpy(&between[i], &rounded, 2);
}

/* To the nearest half, ties to even, denormals kept. */
static unsigned short to_half(float f) {
    uint32_t bits = (uint32_t)bits_of(f), sign = bits >> 16 & 0x8000;
    if (f != f) return 0x7e00;
    double magnitude = fabs((double)f);
    if (magnitude >= 65520.0) return (unsigned short)(sign | 0x7c00);
    int exponent = 0;
    if (magnitude > 0) frexp(magnitude, &exponent);
    double unit = ldexp(1.0, exponent - 11 < -24 ? -24 : exponent - 11);
    double rounded = nearbyint(magnitude / unit) * unit;
    if (rounded == 0) return (unsigned short)sign;
    frexp(rounded, &exponent);
    if (exponent < -13) return (unsigned short)(sign | (uint32_t)(rounded * 0x1p24));
    return (unsigned short)(sign | (uint32_t)(exponent + 14) << 10 | ((uint32_t)ldexp(rounded, 11 - exponent) & 0x3ff));
}
static float from_half(unsigned short h) {
    int exponent = h >> 10 & 31, fraction = h & 0x3ff;
    float magnitude = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexpf(1024 + fraction, exponent - 25) : ldexpf(fraction, -24);
    return h & 0x8000 ? -magnitude : magnitude;
}
static bool nan_half(unsigned short h) { return (h & 0x7fff) > 0x7c00; }

enum { ALONE = 8, PAIRED = 7 };

__global__ void alone(const __half *a, const __half *b, const __half *c, __half *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    __half results[ALONE] = {__hadd(a[i], b[i]), __hsub(a[i], b[i]), __hmul(a[i], b[i]), __hfma(a[i], b[i], c[i]),
                             __hneg(a[i]), __habs(a[i]), hsqrt(__habs(a[i])), hfloor(a[i])};
    for (int k = 0; k < ALONE; k++) out[k * count + i] = results[k];
}

__global__ void paired(const __half2 *a, const __half2 *b, const __half2 *c, __half2 *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    __half2 results[PAIRED] = {__hadd2(a[i], b[i]), __hsub2(a[i], b[i]), __hmul2(a[i], b[i]), __hfma2(a[i], b[i], c[i]),
                               __hneg2(a[i]), __lowhigh2highlow(a[i]), __highs2half2(a[i], b[i])};
    for (int k = 0; k < PAIRED; k++) out[k * count + i] = results[k];
}

static void near(const char *what, size_t i, unsigned short got, unsigned short expected) {
    if (got != expected && !(nan_half(got) && nan_half(expected))) wrong("%s[%zu] is %04x, not %04x", what, i, got, expected);
}

int main() {
    Device<float> wide(65536);
    Device<unsigned short> back(65536), between(65536);
    LAUNCH(convert, 256, 256, wide, back, between);
    std::vector<float> as_floats = wide.read();
    std::vector<unsigned short> again = back.read(), rounded = between.read();
    for (unsigned i = 0; i < 65536; i++) {
        equal("half to float", i, as_floats[i], from_half((unsigned short)i));
        near("float to half", i, again[i], (unsigned short)i);
        near("float between halves to half", i, rounded[i], to_half(from_half((unsigned short)i) * 1.0003f));
    }

    const int count = 6000;
    Random random(16);
    std::vector<unsigned short> a(count), b(count), c(count);
    for (int i = 0; i < count; i++) {
        a[i] = (unsigned short)random.bits();
        b[i] = i % 3 ? to_half(random.between(-8, 8)) : (unsigned short)random.bits();
        c[i] = to_half(random.between(-100, 100));
    }
    std::vector<unsigned short> expected(ALONE * count);
    for (int i = 0; i < count; i++) {
        float x = from_half(a[i]), y = from_half(b[i]), z = from_half(c[i]);
        expected[0 * count + i] = to_half(x + y);
        expected[1 * count + i] = to_half(x - y);
        expected[2 * count + i] = to_half(x * y);
        /* f64 holds the product and the sum exactly enough: they span fewer than 53 bits, or the smaller one only tips a tie. */
        double exact = (double)x * y + z;
        float once = (float)exact;
        if ((double)once != exact && exact == exact && fabs(exact) < 1e30) {
            /* To odd, so that the second rounding is as one. */
            uint32_t bits = (uint32_t)bits_of(once);
            if (fabs((double)once) > fabs(exact)) bits--;
            bits |= 1;
            memcpy(&once, &bits, 4);
        }
        expected[3 * count + i] = to_half(once);
        expected[4 * count + i] = a[i] ^ 0x8000;
        expected[5 * count + i] = a[i] & 0x7fff;
        expected[6 * count + i] = to_half(sqrtf(fabsf(x)));
        expected[7 * count + i] = to_half(floorf(x));
    }
    Device<unsigned short> x(a), y(b), z(c), out(ALONE * count), pairs(PAIRED * count);
    LAUNCH(alone, groups_of(count, 64), 64, (__half *)x.at, (__half *)y.at, (__half *)z.at, (__half *)out.at, count);
    std::vector<unsigned short> got = out.read();
    for (size_t i = 0; i < got.size(); i++) {
        const char *const names[] = {"hadd", "hsub", "hmul", "hfma", "hneg", "habs", "hsqrt", "hfloor"};
        near(names[i / count], i % count, got[i], expected[i]);
    }
    LAUNCH(paired, groups_of(count / 2, 64), 64, (__half2 *)x.at, (__half2 *)y.at, (__half2 *)z.at, (__half2 *)pairs.at, count / 2);
    got = pairs.read();
    for (int i = 0; i < count; i++) {
        const char *const names[] = {"hadd2", "hsub2", "hmul2", "hfma2", "hneg2"};
        for (int k = 0; k < 5; k++) near(names[k], i, got[k * count + i], expected[k * count + i]);
        near("lowhigh2highlow", i, got[5 * count + i], a[i ^ 1]);
        near("highs2half2", i, got[6 * count + i], i & 1 ? b[i] : a[i + 1]);
    }
    return ok("halves");
}
