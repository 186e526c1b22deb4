// out[i] = a[i] + b[i] for i < n. Arguments: a, b, out, n.
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_load_dwordx2 s[8:9], s[0:1], 0x10
  s_load_dword s10, s[0:1], 0x18
  s_waitcnt lgkmcnt(0)
  s_lshl_b32 s2, s2, 8
  v_add_u32_e32 v0, s2, v0
  v_cmp_gt_u32_e32 vcc, s10, v0
  s_and_saveexec_b64 s[12:13], vcc
  s_cbranch_execz 14
  v_mov_b32_e32 v1, 0
  v_lshlrev_b64 v[0:1], 2, v[0:1]
  v_mov_b32_e32 v3, s5
  v_add_co_u32_e32 v2, vcc, s4, v0
  v_addc_co_u32_e32 v3, vcc, v3, v1, vcc
  global_load_dword v4, v[2:3], off
  global_load_dword v5, v0, s[6:7]
  s_waitcnt vmcnt(0)
  v_add_f32_e32 v4, v4, v5
  global_store_dword v0, v4, s[8:9]
  s_endpgm
