/* Arrays of a thread's own, by indices that nobody knows before: in registers, in scratch, nested and written through. */
#include "check.h"
#include <algorithm>

__global__ void permute(const int *numbers, const unsigned char *order, int *out) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, own[16], place[16];
    for (int k = 0; k < 16; k++) own[k] = numbers[i * 16 + k];
    for (int k = 0; k < 16; k++) place[order[i * 16 + k]] = own[k] + k;
    for (int k = 0; k < 16; k++) out[i * 16 + k] = place[k];
}

/* Insertion sort in scratch, of which each thread has a piece of its own. */
__global__ void sort(const int *numbers, int *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, own[100];
    for (int k = 0; k < count; k++) {
        int number = numbers[i * count + k], at = k;
        for (; at > 0 && own[at - 1] > number; at--) own[at] = own[at - 1];
        own[at] = number;
    }
    for (int k = 0; k < count; k++) out[i * count + k] = own[k];
}

struct Node {
    short left, right;
    unsigned char letter;
    double weight;
};

/* Structs with fields of several sizes; a tree in an array. */
__global__ void tree(const unsigned char *letters, int *visited, double *weights) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, count = 0, depth = 0, out = 0;
    Node nodes[24];
    short stack[24];
    for (int k = 0; k < 24; k++) {
        unsigned char letter = letters[i * 24 + k];
        nodes[k] = {-1, -1, letter, letter * 0.5};
        if (k == 0) continue;
        for (int at = 0;;) {
            short *next = letter < nodes[at].letter ? &nodes[at].left : &nodes[at].right;
            nodes[at].weight += letter;
            if (*next < 0) {
                *next = (short)k;
                break;
            }
            at = *next;
        }
    }
    double sum = 0;
    for (int at = 0; at >= 0 || depth > 0;) {
        while (at >= 0) stack[depth++] = (short)at, at = nodes[at].left;
        at = stack[--depth];
        visited[i * 24 + out++] = nodes[at].letter;
        sum += nodes[at].weight * ++count;
        at = nodes[at].right;
    }
    weights[i] = sum;
}

/* A switch of many cases, which is a table or a tree of branches. */
__host__ __device__ int step(int state, int by) {
    switch (state % 12) {
    case 0: return state + by;
    case 1: return state * 3 + 1;
    case 2: return state ^ by;
    case 3: return state - 5;
    case 4: return state | 3;
    case 5: return state * by;
    case 6: return (state >> 1) + 7;
    case 7: return state + 11;
    case 8: return state & 0xffff;
    case 9: return by - state;
    case 10: return state / 3;
    default: return state + 1;
    }
}
__global__ void machine(int *states) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, state = i;
    for (int k = 0; k < 40; k++) state = step(state & 0xfffff, k);
    states[i] = state;
}

int main() {
    enum { THREADS = 192 };
    Random random(7);
    std::vector<int> numbers(THREADS * 16), expected(THREADS * 16);
    std::vector<unsigned char> order(THREADS * 16);
    for (int &number : numbers) number = (int)random.bits();
    for (int i = 0; i < THREADS; i++) {
        unsigned char *own = &order[i * 16];
        for (int k = 0; k < 16; k++) own[k] = (unsigned char)k;
        for (int k = 15; k > 0; k--) std::swap(own[k], own[random.bits() % (k + 1)]);
        for (int k = 0; k < 16; k++) expected[i * 16 + own[k]] = (int)((unsigned)numbers[i * 16 + k] + k);
    }
    Device<int> input(numbers), out(numbers.size());
    Device<unsigned char> places(order);
    LAUNCH(permute, 3, 64, input, places, out);
    equal("permutation", out.read(), expected);

    std::vector<int> many(THREADS * 100), sorted;
    for (int &number : many) number = (int)random.bits();
    sorted = many;
    for (int i = 0; i < THREADS; i++) std::sort(&sorted[i * 100], &sorted[i * 100] + 100);
    Device<int> unsorted(many), result(many.size());
    LAUNCH(sort, 3, 64, unsorted, result, 100);
    equal("sorted", result.read(), sorted);

    std::vector<unsigned char> letters(THREADS * 24);
    std::vector<int> visits(letters.size());
    std::vector<double> weights(THREADS);
    for (unsigned char &letter : letters) letter = (unsigned char)(random.bits() % 200);
    for (int i = 0; i < THREADS; i++) {
        /* The same tree, walked by recursion's meaning: in order of letters, equal ones as they came. */
        std::vector<int> index(24), left(24, -1), right(24, -1);
        std::vector<double> weight(24);
        for (int k = 0; k < 24; k++) {
            int letter = letters[i * 24 + k];
            index[k] = k, weight[k] = letter * 0.5;
            for (int at = 0; k > 0;) {
                int &next = letter < letters[i * 24 + at] ? left[at] : right[at];
                weight[at] += letter;
                if (next < 0) {
                    next = k;
                    break;
                }
                at = next;
            }
        }
        std::stable_sort(index.begin(), index.end(), [&](int a, int b) { return letters[i * 24 + a] < letters[i * 24 + b]; });
        for (int k = 0; k < 24; k++) {
            visits[i * 24 + k] = letters[i * 24 + index[k]];
            weights[i] += weight[index[k]] * (k + 1);
        }
    }
    Device<unsigned char> text(letters);
    Device<int> visited(letters.size());
    Device<double> sums(THREADS);
    LAUNCH(tree, 2, 96, text, visited, sums);
    equal("visits", visited.read(), visits);
    equal("weights", sums.read(), weights);

    std::vector<int> states(THREADS);
    for (int i = 0; i < THREADS; i++) {
        states[i] = i;
        for (int k = 0; k < 40; k++) states[i] = step(states[i] & 0xfffff, k);
    }
    Device<int> ends(THREADS);
    LAUNCH(machine, 1, THREADS, ends);
    equal("states", ends.read(), states);
    return ok("indexing");
}
