/* Calls that are calls: recursion, virtual functions, pointers to functions, arguments on the stack. */
#include "check.h"

__host__ __device__ __attribute__((noinline)) unsigned ackermann(unsigned m, unsigned n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

__host__ __device__ __attribute__((noinline)) int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

__global__ void recursion(unsigned *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = i % 2 ? ackermann(2, i % 9) : (unsigned)fibonacci(i % 11);
}

struct Shape {
    __device__ virtual float area() const { return -1; }
    __device__ virtual int corners() const { return 0; }
};
struct Circle : Shape {
    float radius;
    __device__ explicit Circle(float radius) : radius(radius) {}
    __device__ float area() const override { return 3.0f * radius * radius; }
};
struct Box : Shape {
    float width, height;
    __device__ Box(float width, float height) : width(width), height(height) {}
    __device__ float area() const override { return width * height; }
    __device__ int corners() const override { return 4; }
};
struct Square : Box {
    __device__ explicit Square(float side) : Box(side, side) {}
    __device__ float area() const override { return Box::area() + 0.5f; }
};

__device__ __attribute__((noinline)) float measure(const Shape &shape) { return shape.area() + 100.0f * shape.corners(); }

__global__ void virtuals(float *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    Circle circle(i);
    Box box(i, 2);
    Square square(i);
    const Shape *shapes[] = {&circle, &box, &square};
    out[i] = measure(*shapes[i % 3]) + measure(*shapes[(i + 1) % 3]);
}

__host__ __device__ int plus(int a, int b) { return a + b; }
__host__ __device__ int minus(int a, int b) { return a - b; }
__host__ __device__ int times(int a, int b) { return a * b; }
__host__ __device__ int either(int a, int b) { return a | b; }

typedef int (*Operation)(int, int);
__device__ Operation operations[] = {plus, minus, times, either};

/* Lanes of one wave call different functions. */
__global__ void pointers(int *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, value = 1;
    if (i >= count) return;
    for (int k = 0; k < 6; k++) value = operations[(i + k) % 4](value, i % 7 + k);
    out[i] = value;
}

/* More arguments than registers take. */
struct Many {
    long long a[6];
    double b[4];
};
__host__ __device__ __attribute__((noinline)) double sum(Many m, int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int n, int o,
                                                         int p, int q, int r, int s, int t, int u, int v, int w, int x, int y, int z, Many other) {
    double total = a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j + k + l + n + o + p + q + r + s + t + u + v + w + x + y + z;
    for (long long one : m.a) total += one;
    for (double one : other.b) total -= one;
    return total + m.b[3] * other.a[5];
}
__host__ __device__ double call(int i) {
    Many one = {{i, i + 1, i * 2, 3, 4, 5}, {1.5, 2.5, i * 0.5, 4}}, two = {{6, 5, 4, 3, 2, i}, {i * 0.25, 1, 2, 3}};
    return sum(one, i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, i * 3, two);
}
__global__ void arguments(double *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = call(i);
}

int main() {
    enum { COUNT = 200 };
    std::vector<unsigned> depths(COUNT);
    std::vector<float> areas(COUNT);
    std::vector<int> values(COUNT, 1);
    std::vector<double> sums(COUNT);
    const Operation host[] = {plus, minus, times, either};
    for (int i = 0; i < COUNT; i++) {
        depths[i] = i % 2 ? ackermann(2, i % 9) : (unsigned)fibonacci(i % 11);
        const float measured[] = {3.0f * i * i, i * 2 + 400.0f, (float)i * i + 0.5f + 400.0f};
        areas[i] = measured[i % 3] + measured[(i + 1) % 3];
        for (int k = 0; k < 6; k++) values[i] = host[(i + k) % 4](values[i], i % 7 + k);
        sums[i] = call(i);
    }
    Device<unsigned> a(COUNT);
    LAUNCH(recursion, 4, 64, a, COUNT);
    equal("recursion", a.read(), depths);
    Device<float> b(COUNT);
    LAUNCH(virtuals, 4, 64, b, COUNT);
    equal("areas", b.read(), areas);
    Device<int> c(COUNT);
    LAUNCH(pointers, 4, 64, c, COUNT);
    equal("pointers", c.read(), values);
    Device<double> d(COUNT);
    LAUNCH(arguments, 4, 64, d, COUNT);
    equal("arguments", d.read(), sums);
    return ok("calls");
}
