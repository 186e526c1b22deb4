/*
 * The calls of the unmodified HIP runtime that a program with kernels as text needs, declared here: programs link its
 * run-time package and need no headers of it. What they fail at is said on standard error, with exit status 1.
 *
 *   cc ... -l:libamdhip64.so.5        (libamdhip64-5, libhiprtc-builtins5, libamd-comgr2)
 *
 * Declarations as in hip/hip_runtime_api.h and hip/hiprtc.h of HIP 5.
 */
#ifndef HIPRTC_H
#define HIPRTC_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* hipError_t and hiprtcResult: 0 is success. hipMemcpyKind: 1 to the device, 2 to the host. */
typedef int hipError_t;
typedef struct ihipModule_t *hipModule_t;
typedef struct ihipModuleSymbol_t *hipFunction_t;
typedef struct ihipStream_t *hipStream_t;
typedef struct _hiprtcProgram *hiprtcProgram;
enum { hipMemcpyHostToDevice = 1, hipMemcpyDeviceToHost = 2 };
enum { hipDeviceScheduleBlockingSync = 4 };

const char *hipGetErrorName(hipError_t error);
hipError_t hipMalloc(void **at, size_t bytes);
hipError_t hipFree(void *at);
hipError_t hipMemcpy(void *to, const void *from, size_t bytes, int kind);
hipError_t hipDeviceSynchronize(void);
hipError_t hipSetDeviceFlags(unsigned flags);
hipError_t hipDeviceGetName(char *name, int bytes, int device);
hipError_t hipModuleLoadData(hipModule_t *module, const void *image);
hipError_t hipModuleGetFunction(hipFunction_t *function, hipModule_t module, const char *name);
hipError_t hipModuleLaunchKernel(hipFunction_t function, unsigned groups_x, unsigned groups_y, unsigned groups_z,
                                 unsigned group_x, unsigned group_y, unsigned group_z, unsigned shared_bytes,
                                 hipStream_t stream, void **arguments, void **extra);
int hiprtcCreateProgram(hiprtcProgram *program, const char *source, const char *name, int headers, const char **texts,
                        const char **names);
int hiprtcCompileProgram(hiprtcProgram program, int count, const char **options);
int hiprtcGetProgramLogSize(hiprtcProgram program, size_t *bytes);
int hiprtcGetProgramLog(hiprtcProgram program, char *log);
int hiprtcGetCodeSize(hiprtcProgram program, size_t *bytes);
int hiprtcGetCode(hiprtcProgram program, char *code);
const char *hiprtcGetErrorString(int result);

static void hip_must(hipError_t error, const char *call) {
    if (error == 0) return;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", call, hipGetErrorName(error));
    exit(1);
}
static void hiprtc_must(int result, const char *call) {
    if (result == 0) return;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", call, hiprtcGetErrorString(result));
    exit(1);
}
#define HIP(call) hip_must(call, #call)
#define HIPRTC(call) hiprtc_must(call, #call)

/* Compiles a text for the current device and loads it. */
static hipModule_t hip_module(const char *source) {
    hiprtcProgram program;
    HIPRTC(hiprtcCreateProgram(&program, source, "kernels", 0, NULL, NULL));
    int compiled = hiprtcCompileProgram(program, 0, NULL);
    size_t bytes = 0;
    if (compiled != 0) {
        HIPRTC(hiprtcGetProgramLogSize(program, &bytes));
        char *log = calloc(1, bytes + 1);
        if (log != NULL && bytes > 0) HIPRTC(hiprtcGetProgramLog(program, log));
        fprintf(stderr, "%s\n", log != NULL ? log : "");
        hiprtc_must(compiled, "hiprtcCompileProgram");
    }
    HIPRTC(hiprtcGetCodeSize(program, &bytes));
    char *code = malloc(bytes);
    if (code == NULL) exit(1);
    HIPRTC(hiprtcGetCode(program, code));
    hipModule_t module;
    HIP(hipModuleLoadData(&module, code));
    return module;
}

static hipFunction_t hip_function(hipModule_t module, const char *name) {
    hipFunction_t function;
    HIP(hipModuleGetFunction(&function, module, name));
    return function;
}

#endif
