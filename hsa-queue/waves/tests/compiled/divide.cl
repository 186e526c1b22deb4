#include "kernel.h"

kernel void divide(const global ulong *a, const global ulong *b, global ulong *out, uint n) {
  uint i = global_id();
  if (i >= n)
    return;
  ulong x = a[i], y = b[i];
  global ulong *to = out + 8 * i;
  to[0] = (uint)x / (uint)y;
  to[1] = (uint)x % (uint)y;
  to[2] = (uint)((int)x / (int)y);
  to[3] = (uint)((int)x % (int)y);
  to[4] = x / y;
  to[5] = x % y;
  to[6] = (long)x / (long)y;
  to[7] = (long)x % (long)y;
}
