/* malloc and free in kernels: pieces that do not overlap, a list that another kernel reads, memory that comes back. */
#include "check.h"

struct Node {
    Node *next;
    unsigned value;
};

__device__ Node *lists[256];

__global__ void build(int each) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    Node *list = nullptr;
    for (int k = 0; k < each; k++) {
        Node *node = (Node *)malloc(sizeof(Node) + (i + k) % 40);
        if (!node) break;
        node->next = list;
        node->value = i * 1000 + k;
        list = node;
    }
    lists[i] = list;
}
__global__ void take(unsigned *sums) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x, sum = 0;
    for (Node *node = lists[i], *next; node; node = next) {
        sum += node->value;
        next = node->next;
        free(node);
    }
    sums[i] = sum;
}

int main() {
    enum { EACH = 5 };
    std::vector<unsigned> expected(256, 0);
    for (unsigned i = 0; i < 256; i++)
        for (unsigned k = 0; k < EACH; k++) expected[i] += i * 1000 + k;
    Device<unsigned> sums(256);
    for (int turn = 0; turn < 3; turn++) {
        LAUNCH(build, 4, 64, EACH);
        LAUNCH(take, 2, 128, sums);
        equal("sums", sums.read(), expected);
    }
    return ok("heap");
}
