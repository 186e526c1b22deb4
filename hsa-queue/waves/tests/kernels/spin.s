// The first wave of a group spins, without sleep, until the second has written the data share; then it writes *out.
  s_load_dwordx2 s[4:5], s[0:1], 0x0
  v_mov_b32_e32 v1, 0
  v_cmp_gt_u32_e32 vcc, 64, v0
  s_cbranch_vccz 10
  ds_read_b32 v2, v1
  s_waitcnt lgkmcnt(0)
  v_readfirstlane_b32 s6, v2
  s_cmp_eq_u32 s6, 0
  s_cbranch_scc1 65530
  global_store_dword v1, v2, s[4:5]
  s_endpgm
  s_nop 0
  s_nop 0
  v_mov_b32_e32 v3, 7
  ds_write_b32 v1, v3
  s_endpgm
