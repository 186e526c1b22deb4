#include "kernel.h"

// Each group waits for the word of the one after it: the last one begins.
kernel void pass(global uint *words) {
  uint group = __builtin_amdgcn_workgroup_id_x(), groups = grid_size() / local_size();
  if (__builtin_amdgcn_workitem_id_x() != 0)
    return;
  uint value = 1;
  if (group + 1 < groups)
    while (!(value = __opencl_atomic_load((global atomic_uint *)(words + group + 1), __ATOMIC_ACQUIRE, __OPENCL_MEMORY_SCOPE_DEVICE)))
      ;
  __opencl_atomic_store((global atomic_uint *)(words + group), value + 1, __ATOMIC_RELEASE, __OPENCL_MEMORY_SCOPE_DEVICE);
}
