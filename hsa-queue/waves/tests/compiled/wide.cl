#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#include "kernel.h"

kernel void wide(const global double *a, const global double *b, global double *out, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  double x = a[i], y = b[i];
  global double *to = out + 8 * i;
  to[0] = x + y;
  to[1] = x - y;
  to[2] = x * y;
  to[3] = __builtin_fma(x, y, x);
  to[4] = x / y;
  to[5] = x < y ? x : y;
  to[6] = (double)(float)x;
  to[7] = (double)(int)(x / 1e6);
}
