/*
 * What the programs of this folder share: each computes on the device, compares with the same computed on the host, and prints
 * `ok NAME`, or what is wrong first and ends with status 1.
 *
 *   clang++ -x hip --offload-arch=gfx900 -O3 NAME.hip -lamdhip64        (or hipcc)
 */
#pragma once
#include <hip/hip_runtime.h>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

[[noreturn]] __attribute__((format(printf, 1, 2))) inline void wrong(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("wrong: ");
    vprintf(format, arguments);
    printf("\n");
    fflush(stdout);
    exit(1);
}

#define MUST(call)                                                                                     \
    do {                                                                                               \
        hipError_t error_ = (call);                                                                    \
        if (error_ != hipSuccess) wrong("line %d: %s: %s", __LINE__, #call, hipGetErrorName(error_)); \
    } while (0)

#define CHECK(holds)                                               \
    do {                                                           \
        if (!(holds)) wrong("line %d: not so: %s", __LINE__, #holds); \
    } while (0)

/* A kernel, launched; what is wrong with its launch is said here and not by a later call. */
#define LAUNCH(kernel, groups, size, ...)                     \
    do {                                                      \
        kernel<<<groups, size>>>(__VA_ARGS__);                \
        MUST(hipGetLastError());                              \
    } while (0)

inline int ok(const char *name) {
    MUST(hipDeviceSynchronize());
    printf("ok %s\n", name);
    return 0;
}

/* Numbers that come again on every run. */
struct Random {
    uint64_t state;
    explicit Random(uint64_t seed) : state(seed) {}
    uint64_t bits() {
        state += 0x9e3779b97f4a7c15u;
        uint64_t z = state;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
    }
    /* In [0, 1), of 24 bits. */
    float unit() { return (float)(bits() >> 40) * 0x1p-24f; }
    float between(float low, float high) { return low + (high - low) * unit(); }
};

inline uint64_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}
inline uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}
template <class T> inline uint64_t bits_of(T value) { return (uint64_t)value; }

template <class T> inline bool same(T got, T expected) {
    return bits_of(got) == bits_of(expected) || (got != got && expected != expected);
}

template <class T> void equal(const char *what, size_t index, T got, T expected) {
    if (same(got, expected)) return;
    wrong("%s[%zu] is %.17g (0x%llx), not %.17g (0x%llx)", what, index, (double)got, (unsigned long long)bits_of(got),
          (double)expected, (unsigned long long)bits_of(expected));
}

/* Element by element, and to the last bit; NaNs are all alike. */
template <class T> void equal(const char *what, const std::vector<T> &got, const std::vector<T> &expected) {
    CHECK(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); i++) equal(what, i, got[i], expected[i]);
}

/* Memory of the device. */
template <class T> struct Device {
    T *at = nullptr;
    size_t count;
    explicit Device(size_t count) : count(count) { MUST(hipMalloc((void **)&at, count * sizeof(T))); }
    explicit Device(const std::vector<T> &values) : Device(values.size()) { write(values); }
    Device(const Device &) = delete;
    ~Device() { (void)hipFree(at); }
    void write(const std::vector<T> &values) {
        CHECK(values.size() == count);
        MUST(hipMemcpy(at, values.data(), count * sizeof(T), hipMemcpyHostToDevice));
    }
    std::vector<T> read() const {
        std::vector<T> values(count);
        MUST(hipMemcpy(values.data(), at, count * sizeof(T), hipMemcpyDeviceToHost));
        return values;
    }
    operator T *() const { return at; }
};

inline unsigned groups_of(size_t count, unsigned size) { return (unsigned)((count + size - 1) / size); }
