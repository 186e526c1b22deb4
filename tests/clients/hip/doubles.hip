/* f64: arithmetic, conversions and functions of a library, on edge values and random ones. */
#include "check.h"

#define EXACT                                                                                                                       \
    X(a + b) X(a - b) X(a *b) X(a / b) X(fma(a, b, c)) X(sqrt(fabs(a))) X(fmin(a, b)) X(fmax(a, b)) X(floor(a)) X(ceil(a)) X(trunc(a)) \
    X(rint(a)) X(a < b) X(a >= b) X(a != b) X(-a) X(copysign(a, b)) X((double)(int)clamp(a)) X((double)(unsigned)fabs(clamp(a)))      \
    X((double)(long long)(clamp(a) * 1e9)) X((double)(unsigned long long)fabs(clamp(a) * 1e9)) X((double)(float)a) X(1.0 / a)        \
    X(ldexp(a, (int)clamp(b) % 300)) X(fmod(clamp(a), 7.25)) X(round(a))

__host__ __device__ double clamp(double a) { return a > 1e9 ? 1e9 : a < -1e9 ? -1e9 : a == a ? a : 0.0; }

#define X(expression) (double)(expression),
__host__ __device__ void exact(double a, double b, double c, double *out, size_t stride) {
    const double results[] = {EXACT};
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) out[i * stride] = results[i];
}
#undef X
enum { EXACT_COUNT = 26 };

__global__ void kernel(const double *a, const double *b, const double *c, double *out, size_t count) {
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i < count) exact(a[i], b[i], c[i], out + i, count);
}

/* Horner's scheme, and a sum that rounds at each step. */
__global__ void polynomial(const double *x, double *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    double value = 0;
    for (int k = 20; k >= 0; k--) value = fma(value, x[i], 1.0 / (k + 1));
    out[i] = value;
}

int main() {
    std::vector<double> edges = {0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, INFINITY, -INFINITY, NAN, 0x1p-1074, -0x1.8p-1025, 0x1p-1022,
                                 0x1.fffffffffffffp1023, 0x1p53, 4503599627370495.5, 0.49999999999999994, 1e-200};
    Random random(64);
    auto wide = [&] { return ldexp((double)(int64_t)random.bits(), -60 + (int)(random.bits() % 20)); };
    while (edges.size() < 40) edges.push_back(wide());
    std::vector<double> a, b, c;
    for (double x : edges)
        for (double y : edges) a.push_back(x), b.push_back(y), c.push_back(edges[a.size() * 11 % edges.size()]);
    std::vector<double> expected(a.size() * EXACT_COUNT);
    for (size_t i = 0; i < a.size(); i++) exact(a[i], b[i], c[i], &expected[i], a.size());
    Device<double> x(a), y(b), z(c), out(expected.size());
    LAUNCH(kernel, groups_of(a.size(), 128), 128, x, y, z, out, a.size());
    std::vector<double> got = out.read();
    for (size_t i = 0; i < got.size(); i++) {
        size_t operation = i / a.size(), at = i % a.size();
        /* The sign of a zero is nobody's promise where there are two of them, nor where this compiler adds one (round). */
        bool either = (operation == 6 || operation == 7 || operation == 25) && got[i] == 0 && expected[i] == 0;
        if (!either && !same(got[i], expected[i]))
            wrong("operation %zu of %a, %a, %a is %a, not %a", operation, a[at], b[at], c[at], got[i], expected[i]);
    }

    std::vector<double> points(1000), values(1000);
    for (int i = 0; i < 1000; i++) {
        points[i] = -1 + i * 0.002;
        for (int k = 20; k >= 0; k--) values[i] = fma(values[i], points[i], 1.0 / (k + 1));
    }
    Device<double> at(points), results(1000);
    LAUNCH(polynomial, 8, 128, at, results, 1000);
    equal("polynomial", results.read(), values);
    return ok("doubles");
}
