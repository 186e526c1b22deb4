#include "kernel.h"

kernel void saxpy(float a, const global float4 *x, global float4 *y, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  float4 from = x[i], to = y[i];
  to.x = __builtin_fmaf(a, from.x, to.x);
  to.y = __builtin_fmaf(a, from.y, to.y);
  to.z = __builtin_fmaf(a, from.z, to.z);
  to.w = __builtin_fmaf(a, from.w, to.w);
  y[i] = to;
}
