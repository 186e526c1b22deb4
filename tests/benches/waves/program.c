/*
 * One side of the comparison: HIP's, or OpenCL's with -DOPENCL.
 *
 *   cc -O2 -I tests/clients -o hip program.c -l:libamdhip64.so.5 -lm
 *   cc -O2 -DOPENCL -o opencl program.c -lOpenCL -lm
 *
 * The argument is the file with the kernels. Each line of the input is a measurement, whose figure is a line of the output:
 *
 *   multiply N     a product of N x N matrices, nanoseconds
 *   pull N         what pulls each of N bodies, nanoseconds
 *   fresh N        a sum of vectors of N numbers, on memory whose result was never touched, nanoseconds
 *   again N        the same again on the same memory
 *   vector N       N rounds of vector instructions by 64 waves, millions of wave-instructions a second (HIP only)
 *   awake          this program's own CPU time by the time of the last measurement
 *
 * Results are compared with this machine's own the first time, outside of what is timed; a wrong one ends the program.
 */
#ifdef OPENCL
#include "opencl.h"
#else
#include "hip.h"
#endif
#include <math.h>
#include <time.h>

static double nanos(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double awake;

static double timed(const char *kernel, const int groups[2], const int group[2], void **buffers, int count, int number) {
    double cpu = nanos(CLOCK_PROCESS_CPUTIME_ID), started = nanos(CLOCK_MONOTONIC);
    run(kernel, groups, group, buffers, count, number);
    double took = nanos(CLOCK_MONOTONIC) - started;
    awake = (nanos(CLOCK_PROCESS_CPUTIME_ID) - cpu) / took;
    return took;
}

static void *memory(size_t bytes) {
    void *made = calloc(1, bytes);
    if (made == NULL) exit(1);
    return made;
}

/* Numbers from -1 to 1. */
static float *numbers(size_t count, unsigned seed) {
    float *made = memory(count * sizeof *made);
    for (size_t i = 0; i < count; i++) made[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
    return made;
}

static void *placed(const float *from, size_t count) {
    void *at = device_memory(count * sizeof *from);
    upload(at, from, count * sizeof *from);
    return at;
}

static float *fetched(void *from, size_t count) {
    float *got = memory(count * sizeof *got);
    download(got, from, count * sizeof *got);
    return got;
}

static void compare(const char *what, size_t at, double seen, double expected, double tolerance) {
    if (fabs(seen - expected) <= tolerance) return;
    fprintf(stderr, "%s[%zu] is %.9g, not %.9g\n", what, at, seen, expected);
    exit(1);
}

static double multiply(int n) {
    static float *a, *b;
    static void *buffers[3];
    static int made;
    size_t count = (size_t)n * n;
    const int groups[2] = {n / 16, n / 16}, group[2] = {16, 16};
    if (made == n) return timed("multiply", groups, group, buffers, 3, n);
    if (made != 0) {
        for (int i = 0; i < 3; i++) give_back(buffers[i]);
        free(a), free(b);
    }
    a = numbers(count, 1), b = numbers(count, 2), made = n;
    buffers[0] = placed(a, count), buffers[1] = placed(b, count), buffers[2] = device_memory(count * sizeof *a);
    double took = timed("multiply", groups, group, buffers, 3, n);
    float *got = fetched(buffers[2], count);
    /* Some of all parts. */
    for (size_t i = 0; i < count; i += count / 997) {
        size_t x = i % n, y = i / n;
        double expected = 0;
        for (int k = 0; k < n; k++) expected += (double)a[y * n + k] * b[(size_t)k * n + x];
        compare("product", i, got[i], expected, 1e-6 * n);
    }
    free(got);
    return took;
}

static double pull(int n) {
    static void *buffers[2];
    static int made;
    const int groups[2] = {n / 128, 1}, group[2] = {128, 1};
    if (made == n) return timed("pull", groups, group, buffers, 2, n);
    if (made != 0) give_back(buffers[0]), give_back(buffers[1]);
    float *bodies = numbers((size_t)n * 4, 3);
    for (int i = 0; i < n; i++) bodies[4 * i + 3] += 1;
    made = n, buffers[0] = placed(bodies, (size_t)n * 4), buffers[1] = device_memory((size_t)n * 4 * sizeof *bodies);
    double took = timed("pull", groups, group, buffers, 2, n);
    float *got = fetched(buffers[1], (size_t)n * 4);
    for (int i = 0; i < n; i += 41) {
        double sum[3] = {0}, size = 0;
        for (int k = 0; k < n; k++) {
            double d[3], square = 0.01;
            for (int axis = 0; axis < 3; axis++) d[axis] = bodies[4 * k + axis] - bodies[4 * i + axis], square += d[axis] * d[axis];
            for (int axis = 0; axis < 3; axis++) sum[axis] += d[axis] * bodies[4 * k + 3] / (square * sqrt(square));
        }
        for (int axis = 0; axis < 3; axis++) size += sum[axis] * sum[axis];
        for (int axis = 0; axis < 3; axis++) compare("pull", 4 * i + axis, got[4 * i + axis], sum[axis], 1e-4 * sqrt(size));
    }
    free(got), free(bodies);
    return took;
}

static double add(int n, int fresh) {
    static float *a, *b;
    static void *buffers[3];
    static int made;
    const int groups[2] = {(n + 255) / 256, 1}, group[2] = {256, 1};
    if (!fresh && made == n) return timed("add", groups, group, buffers, 3, n);
    if (made != n) {
        /* Once before, so that what is compiled at a first launch is there. */
        free(a), free(b);
        a = numbers(n, 4), b = numbers(n, 5);
        void *before[3] = {placed(a, n), placed(b, n), device_memory(n * sizeof *a)};
        run("add", groups, group, before, 3, n);
        float *got = fetched(before[2], n);
        for (int i = 0; i < n; i++) compare("sum", i, got[i], a[i] + b[i], 0);
        free(got);
        for (int i = 0; i < 3; i++) give_back(before[i]);
    }
    if (made != 0) for (int i = 0; i < 3; i++) give_back(buffers[i]);
    buffers[0] = placed(a, n), buffers[1] = placed(b, n), buffers[2] = device_memory(n * sizeof *a), made = n;
    return timed("add", groups, group, buffers, 3, n);
}

#ifndef OPENCL
static double vector(int rounds) {
    enum { WAVES = 64, ITEMS = WAVES * 64 };
    const int groups[2] = {WAVES / 4, 1}, group[2] = {256, 1};
    void *out = device_memory(ITEMS * sizeof(float));
    double took = timed("vector", groups, group, &out, 1, rounds);
    float *got = fetched(out, ITEMS);
    for (int item = 0; item < 256; item++) {
        float x = (float)item, y = 1, z = 0;
        unsigned u = item, v = 7, w = 0;
        for (int i = 0; i < rounds * (VECTOR_UNROLLED / 8); i++) {
            x = fmaf(x, 0.5f, 1), y = y * 0.5f, y = y + x, z = y - x;
            u += v, v ^= u, w = v << 3, u |= w;
        }
        compare("vector", item, got[item], z + (float)(u ^ v ^ w), 0);
    }
    give_back(out), free(got);
    return (double)WAVES * rounds * VECTOR_UNROLLED / took * 1e3;
}
#endif

static char *text_of(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = memory(1 << 16);
    if (file == NULL || fread(text, 1, (1 << 16) - 1, file) == 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    return text;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    begin(text_of(argv[1]));
    char line[64], what[32];
    int number = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        int words = sscanf(line, "%31s %d", what, &number);
        double figure;
        if (words == 1 && strcmp(what, "awake") == 0) figure = awake;
        else if (words != 2) return 2;
        else if (strcmp(what, "multiply") == 0) figure = multiply(number);
        else if (strcmp(what, "pull") == 0) figure = pull(number);
        else if (strcmp(what, "fresh") == 0) figure = add(number, 1);
        else if (strcmp(what, "again") == 0) figure = add(number, 0);
#ifndef OPENCL
        else if (strcmp(what, "vector") == 0) figure = vector(number);
#endif
        else return 2;
        printf("%.9g\n", figure);
        fflush(stdout);
    }
    return 0;
}
