#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#include "kernel.h"

// Bytes, shorts and halves: packed, selected from words, and converted.
kernel void narrow(const global char *a, const global short *b, const global half *h, global int *out, global half *sums, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  char x = a[i];
  short y = b[i];
  global int *to = out + 8 * i;
  to[0] = x * y;
  to[1] = (char)(x + y);
  to[2] = (ushort)(y >> 3) ^ (uchar)x;
  to[3] = (short)(y * y + x);
  to[4] = (int)(float)h[i];
  to[5] = h[i] < (half)x;
  to[6] = (int)(uchar)y;
  to[7] = x < y ? x : y;
  sums[2 * i] = h[i] + (half)x;
  sums[2 * i + 1] = h[i] * h[i];
}
