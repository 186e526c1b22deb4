#include "kernel.h"

// Whole vectors by all work-items in turn, the rest by bytes.
kernel void fill(global uchar *out, uchar value, ulong size) {
  uint word = value * 0x01010101u;
  uint4 words = {word, word, word, word};
  ulong id = global_id(), step = grid_size();
  for (ulong i = id; i < size / 16; i += step)
    ((global uint4 *)out)[i] = words;
  for (ulong i = size / 16 * 16 + id; i < size; i += step)
    out[i] = value;
}
