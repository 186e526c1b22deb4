// What goes between lanes. One wave; argument: results, 256 bytes for each.
  s_load_dwordx2 s[4:5], s[0:1], 0x0
  v_lshlrev_b32_e32 v1, 2, v0
  v_mul_u32_u24_e32 v2, 3, v0
  v_add_u32_e32 v2, 0x64, v2
  v_add_u32_e32 v11, 4, v1
  v_mov_b32_e32 v3, v2
  v_mov_b32_e32 v4, 0
  v_mov_b32_e32 v5, v0
  v_mov_b32_e32 v6, v2
  v_mov_b32_e32 v7, 0
  v_mov_b32_e32 v8, 0
  v_mov_b32_e32 v9, 0
  s_waitcnt lgkmcnt(0)
  s_mov_b32 exec_lo, 0xffff00fe
  s_mov_b32 exec_hi, 0xf0f0f0f0
  v_nop
  v_clrexcp
  v_readfirstlane_b32 s8, v2
  v_readlane_b32 s9, v2, 5
  s_mov_b32 s12, 8
  v_readlane_b32 s10, v2, s12
  v_writelane_b32 v3, s9, 8
  v_mbcnt_lo_u32_b32 v4, exec_lo, 0
  v_mbcnt_hi_u32_b32 v4, exec_hi, v4
  v_swap_b32 v5, v6
  ds_swizzle_b32 v7, v2 offset:swizzle(SWAP,1)
  ds_permute_b32 v8, v11, v2
  ds_bpermute_b32 v9, v11, v2
  ds_nop
  s_waitcnt lgkmcnt(0)
  s_mov_b64 exec, -1
  global_store_dword v1, v3, s[4:5]
  global_store_dword v1, v4, s[4:5] offset:256
  global_store_dword v1, v5, s[4:5] offset:512
  global_store_dword v1, v6, s[4:5] offset:768
  global_store_dword v1, v7, s[4:5] offset:1024
  global_store_dword v1, v8, s[4:5] offset:1280
  global_store_dword v1, v9, s[4:5] offset:1536
  v_mov_b32_e32 v12, s8
  v_writelane_b32 v12, s9, 1
  v_writelane_b32 v12, s10, 2
  global_store_dword v1, v12, s[4:5] offset:1792
  s_endpgm
