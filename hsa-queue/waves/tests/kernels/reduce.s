// The sum of the group's 256 words by the data share, added to *out by one lane. Arguments: a, out.
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_waitcnt lgkmcnt(0)
  v_lshlrev_b32_e32 v1, 2, v0
  v_lshlrev_b32_e32 v2, 2, v0
  s_lshl_b32 s3, s2, 10
  v_add_u32_e32 v2, s3, v2
  global_load_dword v3, v2, s[4:5]
  s_movk_i32 s8, 0x80
  s_waitcnt vmcnt(0)
  ds_write_b32 v1, v3
  s_waitcnt lgkmcnt(0)
  s_barrier
  v_cmp_gt_u32_e32 vcc, s8, v0
  s_and_saveexec_b64 s[10:11], vcc
  s_cbranch_execz 9
  s_lshl_b32 s9, s8, 2
  v_add_u32_e32 v4, s9, v1
  ds_read_b32 v5, v4
  ds_read_b32 v6, v1
  v_add_u32_e32 v5, v5, v6
  ds_write_b32 v1, v5
  s_mov_b64 exec, s[10:11]
  s_barrier
  s_lshr_b32 s8, s8, 1
  s_cmp_lg_u32 s8, 0
  s_cbranch_scc1 65519
  v_cmp_eq_u32_e32 vcc, 0, v0
  s_and_saveexec_b64 s[10:11], vcc
  v_mov_b32_e32 v7, 0
  ds_read_b32 v5, v7
  global_atomic_add v7, v5, s[6:7]
  s_endpgm
