/* Managed memory: one pointer for the host and the device, in turns. */
#include "check.h"

struct Node {
    Node *next;
    int value;
};

__global__ void twice(Node *list) {
    if (blockIdx.x || threadIdx.x) return;
    for (Node *node = list; node; node = node->next) node->value *= 2;
}
__global__ void scale(float *numbers, float by, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) numbers[i] *= by;
}

__managed__ int counter = 40;
__global__ void count() { atomicAdd(&counter, 1); }

int main() {
    enum { NODES = 100, COUNT = 50000 };
    Node *list = nullptr;
    for (int i = 0; i < NODES; i++) {
        Node *node;
        MUST(hipMallocManaged((void **)&node, sizeof *node, hipMemAttachGlobal));
        node->next = list;
        node->value = i;
        list = node;
    }
    LAUNCH(twice, 1, 64, list);
    MUST(hipDeviceSynchronize());
    int i = NODES - 1;
    for (Node *node = list, *next; node; node = next, i--) {
        equal("list", i, node->value, 2 * i);
        next = node->next;
        MUST(hipFree(node));
    }
    float *numbers;
    MUST(hipMallocManaged((void **)&numbers, COUNT * sizeof(float), hipMemAttachGlobal));
    for (int k = 0; k < COUNT; k++) numbers[k] = (float)k;
    for (int turn = 0; turn < 3; turn++) {
        LAUNCH(scale, groups_of(COUNT, 256), 256, numbers, 2, COUNT);
        MUST(hipDeviceSynchronize());
        for (int k = 0; k < COUNT; k++) {
            equal("numbers", k, numbers[k], 2 * (float)(k + turn));
            numbers[k] = (float)(k + turn + 1);
        }
    }
    MUST(hipFree(numbers));
    LAUNCH(count, 2, 1);
    MUST(hipDeviceSynchronize());
    equal("counter", 0, counter, 42);
    return ok("managed");
}
