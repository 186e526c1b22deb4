#include "kernel.h"

__attribute__((noinline)) static uint step(uint *heap, uint at) {
  heap[at % 32] += heap[(at + 7) % 32] + 1;
  return heap[at % 32];
}

// An array of a work-item's own, reached at places that are known late, by a function that is called.
kernel void index(const global uint *in, global uint *out, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  uint heap[32];
  for (uint k = 0; k < 32; ++k)
    heap[k] = in[i] >> (k % 8);
  uint at = in[i];
  for (uint k = 0; k < 20; ++k)
    at = step(heap, at);
  out[i] = at;
}
