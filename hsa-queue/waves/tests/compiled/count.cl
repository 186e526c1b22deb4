#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#pragma OPENCL EXTENSION cl_khr_int64_extended_atomics : enable
#include "kernel.h"

#define ATOMIC(name, type, at, value) \
  __opencl_atomic_##name((global atomic_##type *)(at), value, __ATOMIC_RELAXED, __OPENCL_MEMORY_SCOPE_DEVICE)

// Each atomic on a word of its own: of 32 bits, then of 64.
kernel void count(const global uint *in, global uint *words, global ulong *wide, global uint *order) {
  uint i = global_id(), value = in[i];
  ATOMIC(fetch_add, uint, words + 0, value);
  ATOMIC(fetch_sub, uint, words + 1, value);
  ATOMIC(fetch_and, uint, words + 2, value | 0xff);
  ATOMIC(fetch_or, uint, words + 3, value & 0xf0f0);
  ATOMIC(fetch_xor, uint, words + 4, value);
  ATOMIC(fetch_min, uint, words + 5, value);
  ATOMIC(fetch_max, uint, words + 6, value);
  ATOMIC(fetch_min, int, words + 7, (int)value);
  ATOMIC(fetch_max, int, words + 8, (int)value);
  ATOMIC(fetch_add, ulong, wide + 0, (ulong)value << 20);
  ATOMIC(fetch_max, ulong, wide + 1, (ulong)value << 8);
  // Each work-item takes a ticket of its own.
  uint ticket = ATOMIC(fetch_add, uint, words + 9, 1);
  order[ticket] = i;
  // A sum by compare and swap.
  ulong seen = wide[2];
  while (!__opencl_atomic_compare_exchange_strong((global atomic_ulong *)(wide + 2), &seen, seen + value,
                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED, __OPENCL_MEMORY_SCOPE_DEVICE))
    ;
}
