/* The functions of <cmath> for f32 and f64 on ranges of their arguments, held against the host's; bounds are those of HIP's own table. */
#include "check.h"

/* X(function, ulp, low, high) */
#define UNARY32                                                                                                                   \
    X(sinf, 2, -100, 100) X(cosf, 2, -100, 100) X(tanf, 4, -100, 100) X(sinf, 2, -1e6f, 1e6f) X(cosf, 2, -1e6f, 1e6f) X(asinf, 2, -1, 1)                 \
    X(acosf, 2, -1, 1) X(atanf, 2, -50, 50) X(sinhf, 2, -10, 10) X(coshf, 2, -10, 10) X(tanhf, 2, -10, 10) X(asinhf, 2, -50, 50)  \
    X(acoshf, 2, 1, 50) X(atanhf, 2, -0.99f, 0.99f) X(expf, 2, -80, 80) X(exp2f, 2, -120, 120) X(exp10f, 2, -35, 35)              \
    X(expm1f, 2, -10, 10) X(logf, 2, 1e-30f, 1e30f) X(log2f, 2, 1e-30f, 1e30f) X(log10f, 2, 1e-30f, 1e30f) X(log1pf, 2, -0.9f, 100)  \
    X(sqrtf, 0, 0, 1e10f) X(rsqrtf, 1, 1e-10f, 1e10f) X(cbrtf, 2, -1e5f, 1e5f) X(rcbrtf, 2, 1e-3f, 1e5f) X(erff, 4, -4, 4)        \
    X(erfcf, 6, -4, 8) X(tgammaf, 6, 0.5f, 30) X(lgammaf, 6, 2.5f, 1000) X(fabsf, 0, -9, 9) X(floorf, 0, -99, 99) X(ceilf, 0, -99, 99)    \
    X(truncf, 0, -99, 99) X(roundf, 0, -99, 99) X(rintf, 0, -99, 99) X(sinpif, 2, -9, 9) X(cospif, 2, -9, 9) X(logbf, 0, 1e-9f, 1e9f)      \
    X(j0f, 6, 0, 2) X(j1f, 6, 0.1f, 3) X(erfinvf, 4, -0.99f, 0.99f) X(normcdff, 6, -4, 4)

#define BINARY32                                                                                                           \
    X(powf, 2, 0.01f, 50, -10, 10) X(atan2f, 2, -9, 9, -9, 9) X(fmodf, 0, -99, 99, 0.1f, 9) X(remainderf, 0, -99, 99, 0.1f, 9)  \
    X(hypotf, 2, -99, 99, -99, 99) X(fdimf, 0, -9, 9, -9, 9) X(nextafterf, 0, -9, 9, -9, 9) X(copysignf, 0, -9, 9, -9, 9)  \
    X(fminf, 0, -9, 9, -9, 9) X(fmaxf, 0, -9, 9, -9, 9)

#define UNARY64                                                                                                        \
    X(sin, 2, -100, 100) X(cos, 2, -100, 100) X(tan, 4, -100, 100) X(asin, 2, -1, 1) X(acos, 2, -1, 1) X(atan, 2, -50, 50)     \
    X(sinh, 2, -10, 10) X(cosh, 2, -10, 10) X(tanh, 2, -10, 10) X(exp, 2, -600, 600) X(exp2, 2, -900, 900) X(expm1, 2, -10, 10)   \
    X(log, 2, 1e-30, 1e30) X(log2, 2, 1e-30, 1e30) X(log10, 2, 1e-30, 1e30) X(log1p, 2, -0.9, 100) X(sqrt, 0, 0, 1e10)         \
    X(cbrt, 2, -1e5, 1e5) X(erf, 4, -4, 4) X(erfc, 6, -4, 8) X(tgamma, 10, 0.5, 30) X(lgamma, 6, 2.5, 1000) X(sin, 2, -1e9, 1e9)

#define BINARY64 X(pow, 2, 0.01, 50, -10, 10) X(atan2, 2, -9, 9, -9, 9) X(fmod, 0, -99, 99, 0.1, 9) X(hypot, 2, -99, 99, -99, 99)

enum { COUNT = 512 };


/* By number, so that one function is one kernel's case and not a kernel. */
#define X(function, ...) if (at++ == which) return function(a);
__device__ float unary(int which, float a) {
    int at = 0;
    UNARY32
    return 0;
}
__device__ double unary(int which, double a) {
    int at = 0;
    UNARY64
    return 0;
}
#undef X
#define X(function, ...) if (at++ == which) return function(a, b);
__device__ float binary(int which, float a, float b) {
    int at = 0;
    BINARY32
    return 0;
}
__device__ double binary(int which, double a, double b) {
    int at = 0;
    BINARY64
    return 0;
}
#undef X

template <class T> __global__ void unaries(int which, const T *a, T *out) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < COUNT) out[i] = unary(which, a[i]);
}
template <class T> __global__ void binaries(int which, const T *a, const T *b, T *out) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < COUNT) out[i] = binary(which, a[i], b[i]);
}
__global__ void parts(const float *a, float *out) {
    int i = threadIdx.x, exponent;
    float whole, sine, cosine;
    out[i] = frexpf(a[i], &exponent);
    out[i + 64] = (float)exponent;
    out[i + 128] = modff(a[i], &whole);
    out[i + 192] = whole;
    sincosf(a[i], &sine, &cosine);
    out[i + 256] = sine - sinf(a[i]);
    out[i + 320] = cosine - cosf(a[i]);
    out[i + 384] = ldexpf(a[i], i - 32);
    out[i + 448] = (float)lrintf(a[i]);
    out[i + 512] = (float)ilogbf(a[i]);
    out[i + 576] = scalbnf(a[i], 32 - i);
}

/* What the host's library has no name for, in f64. */
static double sinpi(double a) {
    double turn = a - 2 * nearbyint(a / 2);
    return sin(M_PI * (fabs(turn) > 0.5 ? copysign(1, turn) - turn : turn));
}
static double cospi(double a) { return sinpi(0.5 - fabs(a - 2 * nearbyint(a / 2))); }
static double rsqrt_(double a) { return 1 / sqrt(a); }
static double rcbrt_(double a) { return 1 / cbrt(a); }
static double normcdf_(double a) { return erfc(-a * M_SQRT1_2) / 2; }
static double erfinv_(double y) {
    double x = 0;
    for (int i = 0; i < 200; i++) x -= (erf(x) - y) / (2 / sqrt(M_PI) * exp(-x * x)) * 0.9;
    return x;
}

/* Distance in units of the last place of `expected`, which has more bits than `got`. */
template <class T> static double distance(T got, long double expected) {
    if (got != got || std::isinf(got)) return (got != got) == (expected != expected) && !std::isinf(got) ? 0 : got == (T)expected ? 0 : 1e9;
    int exponent = 0, bits = sizeof(T) == 4 ? 24 : 53, least = sizeof(T) == 4 ? -149 : -1074;
    frexpl(expected == 0 ? 1e-320l : expected, &exponent);
    int unit = exponent - bits < least ? least : exponent - bits;
    return (double)fabsl(ldexpl((long double)got - expected, -unit));
}

template <class T> static void judge(const char *name, double ulp, const std::vector<T> &a, const std::vector<T> &b, const std::vector<T> &got,
                                     long double (*reference)(long double, long double)) {
    for (size_t i = 0; i < got.size(); i++) {
        long double expected = reference(a[i], b.empty() ? 0 : b[i]);
        double off = distance(got[i], expected);
        /* What is to be exact may be half a unit from what has more bits. */
        if (off > ulp + 0.5) wrong("%s(%a, %a) is %a, not %La: %.2f ulp", name, (double)a[i], b.empty() ? 0.0 : (double)b[i], (double)got[i], expected, off);
    }
}

template <class T> static std::vector<T> arguments(Random &random, T low, T high) {
    std::vector<T> made(COUNT);
    bool wide = low > 0 && high / low > 1e6;
    for (int i = 0; i < COUNT; i++) {
        double at = i == 0 ? 0 : i == 1 ? 1 : (double)(random.bits() >> 11) * 0x1p-53;
        made[i] = (T)(wide ? exp(log((double)low) + at * (log((double)high) - log((double)low))) : low + at * ((double)high - low));
        made[i] = made[i] < low ? low : made[i] > high ? high : made[i];
    }
    return made;
}

template <class T> static void one(Random &random, int which, const char *name, double ulp, T low, T high, long double (*reference)(long double, long double)) {
    std::vector<T> a = arguments(random, low, high);
    Device<T> x(a), out(COUNT);
    LAUNCH(unaries<T>, COUNT / 128, 128, which, x, out);
    judge(name, ulp, a, {}, out.read(), reference);
}
template <class T> static void two(Random &random, int which, const char *name, double ulp, T low, T high, T low2, T high2,
                                   long double (*reference)(long double, long double)) {
    std::vector<T> a = arguments(random, low, high), b = arguments(random, low2, high2);
    Device<T> x(a), y(b), out(COUNT);
    LAUNCH(binaries<T>, COUNT / 128, 128, which, x, y, out);
    judge(name, ulp, a, b, out.read(), reference);
}

typedef long double L;
static L ref_sinf(L a, L) { return sin((double)a); }
static L ref_cosf(L a, L) { return cos((double)a); }
static L ref_tanf(L a, L) { return tan((double)a); }
static L ref_rsqrtf(L a, L) { return rsqrt_((double)a); }
static L ref_rcbrtf(L a, L) { return rcbrt_((double)a); }
static L ref_sinpif(L a, L) { return sinpi((double)a); }
static L ref_cospif(L a, L) { return cospi((double)a); }
static L ref_erfinvf(L a, L) { return erfinv_((double)a); }
static L ref_normcdff(L a, L) { return normcdf_((double)a); }
static L ref_nextafterf(L a, L b) { return nextafterf((float)a, (float)b); }
#define R(name, call) static L ref_##name(L a, L) { return call(a); }
R(asinf, asinl) R(acosf, acosl) R(atanf, atanl) R(sinhf, sinhl) R(coshf, coshl) R(tanhf, tanhl) R(asinhf, asinhl) R(acoshf, acoshl)
R(atanhf, atanhl) R(expf, expl) R(exp2f, exp2l) R(exp10f, exp10l) R(expm1f, expm1l) R(logf, logl) R(log2f, log2l) R(log10f, log10l)
R(log1pf, log1pl) R(sqrtf, sqrtl) R(cbrtf, cbrtl) R(erff, erfl) R(erfcf, erfcl) R(tgammaf, tgammal) R(lgammaf, lgammal) R(fabsf, fabsl)
R(floorf, floorl) R(ceilf, ceill) R(truncf, truncl) R(roundf, roundl) R(rintf, rintl) R(logbf, logbl) R(j0f, j0) R(j1f, j1)
R(sin, sinl) R(cos, cosl) R(tan, tanl) R(asin, asinl) R(acos, acosl) R(atan, atanl) R(sinh, sinhl) R(cosh, coshl) R(tanh, tanhl)
R(exp, expl) R(exp2, exp2l) R(expm1, expm1l) R(log, logl) R(log2, log2l) R(log10, log10l) R(log1p, log1pl) R(sqrt, sqrtl) R(cbrt, cbrtl)
R(erf, erfl) R(erfc, erfcl) R(tgamma, tgammal) R(lgamma, lgammal)
#undef R
#define R(name, call) static L ref_##name(L a, L b) { return call(a, b); }
R(powf, powl) R(atan2f, atan2l) R(fmodf, fmodl) R(remainderf, remainderl) R(hypotf, hypotl) R(fdimf, fdiml) R(copysignf, copysignl)
R(fminf, fminl) R(fmaxf, fmaxl) R(pow, powl) R(atan2, atan2l) R(fmod, fmodl) R(hypot, hypotl)
#undef R

int main() {
    Random random(50);
    int which = 0;
#define X(function, ulp, low, high) one<float>(random, which++, #function, ulp, low, high, ref_##function);
    UNARY32
#undef X
    which = 0;
#define X(function, ulp, low, high) one<double>(random, which++, #function, ulp, low, high, ref_##function);
    UNARY64
#undef X
    which = 0;
#define X(function, ulp, ...) two<float>(random, which++, #function, ulp, __VA_ARGS__, ref_##function);
    BINARY32
#undef X
    which = 0;
#define X(function, ulp, ...) two<double>(random, which++, #function, ulp, __VA_ARGS__, ref_##function);
    BINARY64
#undef X

    std::vector<float> a(64), expected(640);
    for (int i = 0; i < 64; i++) {
        int exponent;
        float whole;
        a[i] = random.between(-200, 200);
        expected[i] = frexpf(a[i], &exponent);
        expected[i + 64] = (float)exponent;
        expected[i + 128] = modff(a[i], &whole);
        expected[i + 192] = whole;
        expected[i + 384] = ldexpf(a[i], i - 32);
        expected[i + 448] = (float)lrintf(a[i]);
        expected[i + 512] = (float)ilogbf(a[i]);
        expected[i + 576] = scalbnf(a[i], 32 - i);
    }
    Device<float> x(a), out(640);
    LAUNCH(parts, 1, 64, x, out);
    std::vector<float> got = out.read();
    for (int i = 256; i < 384; i++) {
        CHECK(fabsf(got[i]) < 1e-6f);
        got[i] = 0;
    }
    equal("parts", got, expected);
    return ok("math");
}
