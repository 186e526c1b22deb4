// After the instruction: the destination, EXEC and SCC.
  s_cselect_b32 s27, 1, 0
  s_mov_b64 s[24:25], exec
  s_mov_b64 exec, -1
  v_mov_b32_e32 v4, s6
  v_mov_b32_e32 v5, s7
  v_mov_b32_e32 v8, s20
  v_mov_b32_e32 v9, s21
  v_mov_b32_e32 v10, s24
  v_mov_b32_e32 v11, s25
  v_mov_b32_e32 v12, s27
  global_store_dwordx4 v[4:5], v[8:11], off
  global_store_dword v[4:5], v12, off offset:16
  s_endpgm
