/* assert in a kernel: what holds says nothing; what does not is told with its place, and the program ends by a signal. */
#include "check.h"
#include <cassert>

__global__ void check_all(const int *numbers, int least) {
    int number = numbers[blockIdx.x * blockDim.x + threadIdx.x];
    assert(number >= least && "a number is too small");
}

int main() {
    std::vector<int> numbers(256);
    for (int i = 0; i < 256; i++) numbers[i] = i;
    Device<int> input(numbers);
    LAUNCH(check_all, 4, 64, input, 0);
    MUST(hipDeviceSynchronize());
    printf("the first holds\n");
    fflush(stdout);
    numbers[200] = -1;
    input.write(numbers);
    LAUNCH(check_all, 4, 64, input, 0);
    hipError_t error = hipDeviceSynchronize();
    wrong("the second goes on: %s", hipGetErrorName(error));
}
