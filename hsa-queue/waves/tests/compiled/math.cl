#pragma OPENCL EXTENSION cl_khr_fp64 : enable
// Functions of Debian's rocm-device-libs that HIP's programs call by their usual names.
typedef unsigned int uint;

float __ocml_sin_f32(float);
float __ocml_exp_f32(float);
float __ocml_log_f32(float);
float __ocml_pow_f32(float, float);
double __ocml_sin_f64(double);
double __ocml_exp_f64(double);
double __ocml_log_f64(double);
double __ocml_pow_f64(double, double);

kernel void single(const global float *in, global float *out) {
  uint i = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x();
  float x = in[i];
  out[4 * i] = __ocml_sin_f32(x);
  out[4 * i + 1] = __ocml_exp_f32(x);
  out[4 * i + 2] = __ocml_log_f32(x);
  out[4 * i + 3] = __ocml_pow_f32(x, 1.75f);
}

kernel void wide(const global double *in, global double *out) {
  uint i = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x();
  double x = in[i];
  out[4 * i] = __ocml_sin_f64(x);
  out[4 * i + 1] = __ocml_exp_f64(x);
  out[4 * i + 2] = __ocml_log_f64(x);
  out[4 * i + 3] = __ocml_pow_f64(x, 1.75);
}
