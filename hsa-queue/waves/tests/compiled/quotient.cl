#include "kernel.h"

// Division and root of f32 as IEEE has them, and what is made of bits.
kernel void quotient(const global float *a, const global float *b, global float *out, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  float x = a[i], y = b[i];
  global float *to = out + 4 * i;
  to[0] = x / y;
  to[1] = __builtin_sqrtf(x);
  to[2] = __builtin_floorf(x) - __builtin_truncf(y);
  to[3] = __builtin_fabsf(x) + __builtin_copysignf(x, y);
}
