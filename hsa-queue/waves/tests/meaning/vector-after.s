// After the instruction: the destination, what is in LDS, both masks and EXEC.
  s_mov_b64 s[22:23], exec
  s_mov_b64 exec, -1
  ds_read_b64 v[24:25], v3 offset:16
  ds_read_b64 v[26:27], v3 offset:24
  s_waitcnt vmcnt(0) lgkmcnt(0)
  global_store_dwordx4 v[4:5], v[16:19], off
  global_store_dwordx4 v[4:5], v[24:27], off offset:32
  s_mov_b64 s[24:25], vcc
  s_add_u32 s10, s10, s12
  s_addc_u32 s11, s11, 0
  v_mov_b32_e32 v4, s10
  v_mov_b32_e32 v5, s11
  v_mov_b32_e32 v8, s20
  v_mov_b32_e32 v9, s21
  v_mov_b32_e32 v10, s24
  v_mov_b32_e32 v11, s25
  v_mov_b32_e32 v12, s22
  v_mov_b32_e32 v13, s23
  global_store_dwordx4 v[4:5], v[8:11], off
  global_store_dwordx2 v[4:5], v[12:13], off offset:16
  s_endpgm
