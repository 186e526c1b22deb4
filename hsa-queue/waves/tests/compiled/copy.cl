#include "kernel.h"

kernel void copy(const global uchar *from, global uchar *to, ulong size) {
  ulong id = global_id(), step = grid_size();
  for (ulong i = id; i < size / 16; i += step)
    ((global uint4 *)to)[i] = ((const global uint4 *)from)[i];
  for (ulong i = size / 16 * 16 + id; i < size; i += step)
    to[i] = from[i];
}
