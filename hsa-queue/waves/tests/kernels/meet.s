// Groups of one lane that meet twice. Arguments: out, groups but one, whether only the meeting is prepared.
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_load_dword s8, s[0:1], 0x10
  s_mov_b32 m0, 0x30000
  v_mov_b32_e32 v0, 0
  v_mov_b32_e32 v1, s6
  s_cmp_eq_u32 s8, 0
  s_cbranch_scc1 3
  ds_gws_init v1 offset:2 gds
  s_endpgm
  v_mov_b32_e32 v2, 1
  global_atomic_add v0, v2, s[4:5]
  ds_gws_barrier v1 offset:2 gds
  global_load_dword v3, v0, s[4:5] glc
  s_lshl_b32 s9, s2, 2
  v_mov_b32_e32 v4, s9
  global_store_dword v4, v3, s[4:5] offset:4
  ds_gws_barrier v1 offset:2 gds
  global_atomic_add v0, v2, s[4:5]
  s_endpgm
