/*
 * A HIP program without HIP's compiler: its kernels are text, which the runtime compiles for the device that it finds.
 *
 *   c++ -O2 hiprtc.cpp -lamdhip64        (libamdhip64-dev, libhiprtc-builtins5)
 *
 * Adds two vectors and multiplies two matrices; prints `ok hiprtc`, or what is wrong first and ends with status 1.
 */
#define __HIP_PLATFORM_AMD__
#include <hip/hip_runtime_api.h>
#include <hip/hiprtc.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

static const char *const kernels = R"(
extern "C" __global__ void add(const float *a, const float *b, float *sum, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) sum[i] = a[i] + b[i];
}

#define TILE 16
extern "C" __global__ void multiply(const float *a, const float *b, float *c, int n) {
    __shared__ float left[TILE][TILE], right[TILE][TILE];
    int y = blockIdx.y * TILE + threadIdx.y, x = blockIdx.x * TILE + threadIdx.x;
    float sum = 0;
    for (int at = 0; at < n; at += TILE) {
        left[threadIdx.y][threadIdx.x] = a[y * n + at + threadIdx.x];
        right[threadIdx.y][threadIdx.x] = b[(at + threadIdx.y) * n + x];
        __syncthreads();
        for (int i = 0; i < TILE; i++) sum = fmaf(left[threadIdx.y][i], right[i][threadIdx.x], sum);
        __syncthreads();
    }
    c[y * n + x] = sum;
}
)";

[[noreturn]] static void fail(const std::string &what) {
    printf("wrong: %s\n", what.c_str());
    exit(1);
}
static void must(hipError_t error, const char *call) {
    if (error != hipSuccess) fail(std::string(call) + ": " + hipGetErrorName(error));
}
#define MUST(call) must(call, #call)
#define COMPILE(call) \
    if ((call) != HIPRTC_SUCCESS) fail(#call)

static hipModule_t compile() {
    hipDeviceProp_t properties;
    MUST(hipGetDeviceProperties(&properties, 0));
    printf("%s: %s, %d compute units\n", properties.name, properties.gcnArchName, properties.multiProcessorCount);
    std::string architecture = std::string("--gpu-architecture=") + properties.gcnArchName;
    const char *options[] = {architecture.c_str()};
    hiprtcProgram program;
    COMPILE(hiprtcCreateProgram(&program, kernels, "kernels.hip", 0, nullptr, nullptr));
    if (hiprtcCompileProgram(program, 1, options) != HIPRTC_SUCCESS) {
        size_t bytes = 0;
        hiprtcGetProgramLogSize(program, &bytes);
        std::string log(bytes, ' ');
        hiprtcGetProgramLog(program, &log[0]);
        fail(log);
    }
    size_t bytes = 0;
    COMPILE(hiprtcGetCodeSize(program, &bytes));
    std::vector<char> code(bytes);
    COMPILE(hiprtcGetCode(program, code.data()));
    COMPILE(hiprtcDestroyProgram(&program));
    hipModule_t module;
    MUST(hipModuleLoadData(&module, code.data()));
    return module;
}

static float *to_device(const std::vector<float> &values) {
    float *at = nullptr;
    MUST(hipMalloc((void **)&at, values.size() * sizeof(float)));
    MUST(hipMemcpy(at, values.data(), values.size() * sizeof(float), hipMemcpyHostToDevice));
    return at;
}

static std::vector<float> numbers(size_t count, unsigned seed) {
    std::vector<float> made(count);
    for (float &one : made) one = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
    return made;
}

static void check(const char *what, float *at, const std::vector<float> &expected) {
    std::vector<float> got(expected.size());
    MUST(hipMemcpy(got.data(), at, got.size() * sizeof(float), hipMemcpyDeviceToHost));
    for (size_t i = 0; i < got.size(); i++)
        if (got[i] != expected[i]) {
            printf("wrong: %s[%zu] is %.9g, not %.9g\n", what, i, got[i], expected[i]);
            exit(1);
        }
    printf("%s: %zu right results\n", what, got.size());
}

int main() {
    hipModule_t module = compile();
    hipFunction_t add, multiply;
    MUST(hipModuleGetFunction(&add, module, "add"));
    MUST(hipModuleGetFunction(&multiply, module, "multiply"));

    int count = 1000003;
    std::vector<float> a = numbers(count, 1), b = numbers(count, 2), sum(count);
    for (int i = 0; i < count; i++) sum[i] = a[i] + b[i];
    float *x = to_device(a), *y = to_device(b), *z = to_device(std::vector<float>(count));
    void *adding[] = {&x, &y, &z, &count};
    MUST(hipModuleLaunchKernel(add, (count + 255) / 256, 1, 1, 256, 1, 1, 0, nullptr, adding, nullptr));
    check("sums of two vectors", z, sum);

    int n = 128;
    std::vector<float> product(n * n);
    for (int row = 0; row < n; row++)
        for (int column = 0; column < n; column++) {
            float value = 0;
            for (int k = 0; k < n; k++) value = fmaf(a[row * n + k], b[k * n + column], value);
            product[row * n + column] = value;
        }
    void *multiplying[] = {&x, &y, &z, &n};
    MUST(hipModuleLaunchKernel(multiply, n / 16, n / 16, 1, 16, 16, 1, 0, nullptr, multiplying, nullptr));
    check("product of two matrices", z, product);

    MUST(hipFree(x));
    MUST(hipFree(y));
    MUST(hipFree(z));
    MUST(hipModuleUnload(module));
    printf("ok hiprtc\n");
    return 0;
}
