#include "kernel.h"

// The accelerations of bodies (x, y, z, mass) by each other, by tiles of 256; groups are 256. `n` is a multiple of 256.
// The reciprocal root is kept from denormal arguments as the device library's is.
kernel void nbody(const global float4 *bodies, global float4 *out, uint n) {
  local float4 tile[256];
  uint item = __builtin_amdgcn_workitem_id_x(), i = global_id();
  float4 own = bodies[i];
  float ax = 0, ay = 0, az = 0;
  for (uint first = 0; first < n; first += 256) {
    tile[item] = bodies[first + item];
    barrier();
    for (uint k = 0; k < 256; ++k) {
      float4 other = tile[k];
      float x = other.x - own.x, y = other.y - own.y, z = other.z - own.z;
      float square = __builtin_fmaf(x, x, __builtin_fmaf(y, y, __builtin_fmaf(z, z, 0.01f)));
      int small = square < 0x1p-100f;
      float root = __builtin_amdgcn_rsqf(square * (small ? 0x1p+24f : 1.0f)) * (small ? 0x1p+12f : 1.0f);
      float by = other.w * root * root * root;
      ax = __builtin_fmaf(x, by, ax);
      ay = __builtin_fmaf(y, by, ay);
      az = __builtin_fmaf(z, by, az);
    }
    barrier();
  }
  out[i] = (float4)(ax, ay, az, 0);
}
