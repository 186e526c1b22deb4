// What kernels here know of where they are, by the compiler's own builtins and the dispatch packet: no library is linked.
#define __OPENCL_MEMORY_SCOPE_DEVICE 2
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef uint uint4 __attribute__((ext_vector_type(4)));
typedef float float4 __attribute__((ext_vector_type(4)));

static inline uint local_size(void) {
  // workgroup_size_x of hsa_kernel_dispatch_packet_t.
  return ((const __constant ushort *)__builtin_amdgcn_dispatch_ptr())[2];
}

static inline uint grid_size(void) {
  return ((const __constant uint *)__builtin_amdgcn_dispatch_ptr())[3];
}

static inline uint global_id(void) {
  return __builtin_amdgcn_workgroup_id_x() * local_size() + __builtin_amdgcn_workitem_id_x();
}

static inline void barrier(void) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
