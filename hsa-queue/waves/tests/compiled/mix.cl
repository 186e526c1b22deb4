#include "kernel.h"

// Nothing but the vector unit: integers, floats, compares and choices, `rounds` times.
kernel void mix(global uint *out, uint rounds) {
  uint i = global_id(), a = i * 2654435761u, b = i ^ 0x9e3779b9u;
  float x = (float)(i & 1023), y = 0.5f;
  for (uint round = 0; round < rounds; ++round) {
    a = (a << 5 | a >> 27) + b;
    b = (b ^ a) * 3 + (a & b);
    x = __builtin_fmaf(x, 0.75f, y);
    y = __builtin_fmaf(y, 0.5f, x) - (x > 100.0f ? 25.0f : 1.0f);
    a ^= b >> 3;
    b += x > y ? a : b >> 1;
  }
  out[i] = a ^ b ^ (uint)(int)x ^ (uint)(int)y;
}
