#include "kernel.h"

kernel void reduce(const global float *in, global float *out) {
  local float part[256];
  uint item = __builtin_amdgcn_workitem_id_x();
  part[item] = in[global_id()];
  for (uint half_ = 128; half_ > 0; half_ /= 2) {
    barrier();
    if (item < half_)
      part[item] += part[item + half_];
  }
  if (item == 0)
    out[__builtin_amdgcn_workgroup_id_x()] = part[0];
}
