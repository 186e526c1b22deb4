#include "kernel.h"

// Lanes leave the loop one by one, and go different ways in it.
kernel void walk(const global uint *in, global uint *out, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  uint value = in[i], steps = 0;
  while (value > 1) {
    if (value % 2) {
      if (value > 0x50000000)
        break;
      value = 3 * value + 1;
    } else {
      value /= 2;
    }
    if (++steps == 200)
      break;
  }
  out[i] = steps;
}
