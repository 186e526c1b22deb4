/* The side of OpenCL: the platform whose name begins with "Portable", which is PoCL. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prelude[] =
    "#define KERNEL kernel\n"
    "#define GLOBAL global\n"
    "#define LOCAL local\n"
    "#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)\n"
    "#define ITEM(axis) (int)get_local_id(axis)\n"
    "#define GROUP(axis) (int)get_group_id(axis)\n"
    "#define VECTOR(x, y, z, w) (float4)(x, y, z, w)\n"
    "#define FMA fma\n"
    "#define RSQRT rsqrt\n";

static cl_device_id device;
static cl_context context;
static cl_command_queue queue;
static cl_program program;

static void cl_must(cl_int error, const char *call) {
    if (error == CL_SUCCESS) return;
    fprintf(stderr, "%s: OpenCL error %d\n", call, error);
    exit(1);
}
#define CL(call) cl_must(call, #call)

static cl_platform_id pocl(void) {
    cl_platform_id platforms[16];
    cl_uint count = 0;
    CL(clGetPlatformIDs(16, platforms, &count));
    for (cl_uint i = 0; i < count && i < 16; i++) {
        char name[256] = "";
        CL(clGetPlatformInfo(platforms[i], CL_PLATFORM_NAME, sizeof name - 1, name, NULL));
        if (strncmp(name, "Portable", 8) == 0) return platforms[i];
    }
    fprintf(stderr, "no platform of the %u is PoCL's\n", count);
    exit(1);
}

static void begin(const char *source) {
    const char *texts[] = {prelude, source};
    cl_int error;
    CL(clGetDeviceIDs(pocl(), CL_DEVICE_TYPE_CPU, 1, &device, NULL));
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    cl_must(error, "clCreateContext");
    queue = clCreateCommandQueue(context, device, 0, &error);
    cl_must(error, "clCreateCommandQueue");
    program = clCreateProgramWithSource(context, 2, texts, NULL, &error);
    cl_must(error, "clCreateProgramWithSource");
    error = clBuildProgram(program, 1, &device, "", NULL, NULL);
    if (error != CL_SUCCESS) {
        static char log[1 << 16];
        clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
        fprintf(stderr, "%s\n", log);
        cl_must(error, "clBuildProgram");
    }
}
static void *device_memory(size_t bytes) {
    cl_int error;
    cl_mem made = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &error);
    cl_must(error, "clCreateBuffer");
    return made;
}
static void give_back(void *at) { CL(clReleaseMemObject(at)); }
static void upload(void *to, const void *from, size_t bytes) {
    CL(clEnqueueWriteBuffer(queue, to, CL_TRUE, 0, bytes, from, 0, NULL, NULL));
}
static void download(void *to, void *from, size_t bytes) {
    CL(clEnqueueReadBuffer(queue, from, CL_TRUE, 0, bytes, to, 0, NULL, NULL));
}

/* Waits until the kernel is done. */
static void run(const char *name, const int groups[2], const int group[2], void **buffers, int count, int number) {
    cl_int error;
    cl_kernel kernel = clCreateKernel(program, name, &error);
    cl_must(error, name);
    for (int i = 0; i < count; i++) {
        cl_mem buffer = buffers[i];
        CL(clSetKernelArg(kernel, i, sizeof buffer, &buffer));
    }
    CL(clSetKernelArg(kernel, count, sizeof number, &number));
    size_t local[2] = {group[0], group[1]}, global[2] = {(size_t)groups[0] * group[0], (size_t)groups[1] * group[1]};
    CL(clEnqueueNDRangeKernel(queue, kernel, 2, NULL, global, local, 0, NULL, NULL));
    CL(clFinish(queue));
    CL(clReleaseKernel(kernel));
}
