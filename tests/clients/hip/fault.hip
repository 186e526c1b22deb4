/* Programs whose kernel goes wrong: `fault write`, `fault read`, `fault trap`, `fault abort`, `fault forever`. What the runtime says of it, it says; a program that ends by itself says so. */
#include "check.h"

__global__ void store(int *at) { at[threadIdx.x] = 1; }
__global__ void load(const int *at, int *out) { out[threadIdx.x] = at[threadIdx.x * 1000]; }
__global__ void trap() { __builtin_trap(); }
__global__ void gives_up() { abort(); }
__global__ void forever(volatile unsigned *word) {
    while (word[0] == 0) {}
}

int main(int, char **arguments) {
    const char *how = arguments[1] ? arguments[1] : "";
    Device<int> out(std::vector<int>(1024, 0));
    /* Before: the runtime ends the program when it hears of the fault, whatever that is doing. */
    printf("launches\n");
    fflush(stdout);
    if (!strcmp(how, "write"))
        LAUNCH(store, 1, 64, (int *)0x123456789000);
    else if (!strcmp(how, "read"))
        LAUNCH(load, 1, 64, (const int *)0x234567890000, out);
    else if (!strcmp(how, "trap"))
        LAUNCH(trap, 1, 64);
    else if (!strcmp(how, "abort"))
        LAUNCH(gives_up, 1, 64);
    else if (!strcmp(how, "forever"))
        LAUNCH(forever, 2, 64, (volatile unsigned *)out.at);
    else
        wrong("which fault?");
    hipError_t error = hipDeviceSynchronize();
    printf("goes on: %s\n", hipGetErrorName(error));
    return 3;
}
