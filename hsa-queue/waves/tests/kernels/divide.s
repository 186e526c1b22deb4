// out[i] = a[i] / b[i] in f32 and in f64, by the steps that compilers make. Arguments: a32, b32, out32, -, a64, b64, out64.
  s_load_dwordx8 s[4:11], s[0:1], 0x0
  s_load_dwordx4 s[12:15], s[0:1], 0x20
  s_load_dwordx2 s[16:17], s[0:1], 0x30
  v_lshlrev_b32_e32 v20, 2, v0
  v_lshlrev_b32_e32 v21, 3, v0
  global_load_dword v0, v20, s[4:5]
  global_load_dword v1, v20, s[6:7]
  v_div_scale_f32 v3, s[20:21], v1, v1, v0
  v_div_scale_f32 v4, vcc, v0, v1, v0
  v_rcp_f32_e32 v5, v3
  v_fma_f32 v6, -v3, v5, 1.0
  v_fma_f32 v5, v6, v5, v5
  v_mul_f32_e32 v6, v4, v5
  v_fma_f32 v7, -v3, v6, v4
  v_fma_f32 v6, v7, v5, v6
  v_fma_f32 v3, -v3, v6, v4
  v_div_fmas_f32 v3, v3, v5, v6
  v_div_fixup_f32 v2, v3, v1, v0
  global_store_dword v20, v2, s[8:9]
  global_load_dwordx2 v[0:1], v21, s[12:13]
  global_load_dwordx2 v[2:3], v21, s[14:15]
  v_div_scale_f64 v[4:5], s[20:21], v[2:3], v[2:3], v[0:1]
  v_rcp_f64_e32 v[6:7], v[4:5]
  v_fma_f64 v[8:9], -v[4:5], v[6:7], 1.0
  v_fma_f64 v[6:7], v[6:7], v[8:9], v[6:7]
  v_fma_f64 v[8:9], -v[4:5], v[6:7], 1.0
  v_fma_f64 v[6:7], v[6:7], v[8:9], v[6:7]
  v_div_scale_f64 v[8:9], vcc, v[0:1], v[2:3], v[0:1]
  v_mul_f64 v[10:11], v[8:9], v[6:7]
  v_fma_f64 v[4:5], -v[4:5], v[10:11], v[8:9]
  v_div_fmas_f64 v[4:5], v[4:5], v[6:7], v[10:11]
  v_div_fixup_f64 v[0:1], v[4:5], v[2:3], v[0:1]
  global_store_dwordx2 v21, v[0:1], s[16:17]
  s_endpgm
