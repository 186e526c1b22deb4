#include "kernel.h"

kernel void add(const global float *a, const global float *b, global float *out, uint n) {
  uint i = global_id();
  if (i < n)
    out[i] = a[i] + b[i];
}
