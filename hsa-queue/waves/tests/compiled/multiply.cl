#include "kernel.h"

// A product of matrices by tiles of 16 x 16. `n` is a multiple of 16; groups are 16 x 16.
kernel void multiply(const global float *a, const global float *b, global float *out, uint n) {
  local float as[16][16], bs[16][16];
  uint x = __builtin_amdgcn_workitem_id_x(), y = __builtin_amdgcn_workitem_id_y();
  uint column = __builtin_amdgcn_workgroup_id_x() * 16 + x, row = __builtin_amdgcn_workgroup_id_y() * 16 + y;
  float sum = 0;
  for (uint tile = 0; tile < n; tile += 16) {
    as[y][x] = a[row * n + tile + x];
    bs[y][x] = b[(tile + y) * n + column];
    barrier();
    for (uint k = 0; k < 16; ++k)
      sum = __builtin_fmaf(as[y][k], bs[k][x], sum);
    barrier();
  }
  out[row * n + column] = sum;
}
