/* Modules: code compiled at run time, loaded, unloaded and replaced by other code at the same address; globals of modules. */
#include "check.h"
#include <hip/hiprtc.h>
#include <string>

static std::vector<char> compile(const std::string &source) {
    hipDeviceProp_t properties;
    MUST(hipGetDeviceProperties(&properties, 0));
    std::string architecture = std::string("--gpu-architecture=") + properties.gcnArchName;
    const char *options[] = {architecture.c_str()};
    hiprtcProgram program;
    CHECK(hiprtcCreateProgram(&program, source.c_str(), "module.hip", 0, nullptr, nullptr) == HIPRTC_SUCCESS);
    hiprtcResult result = hiprtcCompileProgram(program, 1, options);
    size_t bytes = 0;
    hiprtcGetProgramLogSize(program, &bytes);
    std::vector<char> log(bytes + 1, 0);
    hiprtcGetProgramLog(program, log.data());
    if (result != HIPRTC_SUCCESS) wrong("hiprtc: %s: %s", hiprtcGetErrorString(result), log.data());
    CHECK(hiprtcGetCodeSize(program, &bytes) == HIPRTC_SUCCESS);
    std::vector<char> code(bytes);
    CHECK(hiprtcGetCode(program, code.data()) == HIPRTC_SUCCESS);
    CHECK(hiprtcDestroyProgram(&program) == HIPRTC_SUCCESS);
    return code;
}

/* Kernels of one length whose constant differs: their code is the same but for a word. */
static std::string source(unsigned number) {
    return "__device__ int offset = 5;\n"
           "extern \"C\" __global__ void fill(unsigned *out, int count) {\n"
           "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
           "    if (i < count) out[i] = i * 3u + " + std::to_string(number) + "u + offset;\n"
           "}\n";
}

static uintptr_t run(hipModule_t module, unsigned number, int offset) {
    enum { COUNT = 500 };
    hipFunction_t fill;
    MUST(hipModuleGetFunction(&fill, module, "fill"));
    hipDeviceptr_t at;
    size_t bytes;
    MUST(hipModuleGetGlobal(&at, &bytes, module, "offset"));
    CHECK(bytes == sizeof(int));
    MUST(hipMemcpyHtoD(at, &offset, sizeof offset));
    Device<unsigned> out(COUNT);
    unsigned *to = out;
    int count = COUNT;
    void *arguments[] = {&to, &count};
    for (int turn = 0; turn < 2; turn++) {
        MUST(hipModuleLaunchKernel(fill, 4, 1, 1, 128, 1, 1, 0, nullptr, arguments, nullptr));
        std::vector<unsigned> got = out.read();
        for (unsigned i = 0; i < COUNT; i++) equal("out", i, got[i], i * 3 + number + offset);
    }
    return (uintptr_t)at;
}

int main() {
    std::vector<std::vector<char>> codes;
    for (unsigned k = 0; k < 4; k++) codes.push_back(compile(source(10000 + 1111 * k)));
    std::vector<uintptr_t> places;
    for (int turn = 0; turn < 12; turn++) {
        unsigned k = turn % 4;
        hipModule_t module;
        MUST(hipModuleLoadData(&module, codes[k].data()));
        places.push_back(run(module, 10000 + 1111 * k, turn));
        MUST(hipModuleUnload(module));
    }
    size_t again = 0;
    for (size_t i = 1; i < places.size(); i++) again += places[i] == places[i - 1];
    /* Else this program has shown nothing of code that is replaced. */
    CHECK(again > 0);

    /* Two at once. */
    hipModule_t first, second;
    MUST(hipModuleLoadData(&first, codes[0].data()));
    MUST(hipModuleLoadData(&second, codes[1].data()));
    for (int turn = 0; turn < 3; turn++) {
        run(first, 10000, turn);
        run(second, 11111, -turn);
    }
    hipFunction_t none;
    CHECK(hipModuleGetFunction(&none, first, "nowhere") == hipErrorNotFound);
    (void)hipGetLastError();
    MUST(hipModuleUnload(first));
    MUST(hipModuleUnload(second));
    return ok("module");
}
