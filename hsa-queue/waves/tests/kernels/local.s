// Words of the data share changed by what only it has, and registers found by an index; one lane. Arguments: out.
  s_load_dwordx2 s[4:5], s[0:1], 0x0
  v_mov_b32_e32 v0, 0
  v_mov_b32_e32 v1, 0x8081f2f3
  ds_write_b32 v0, v1
  ds_write_b16_d16_hi v0, v1 offset:4
  ds_write_b8_d16_hi v0, v1 offset:6
  v_mov_b32_e32 v10, -1
  v_mov_b32_e32 v11, -1
  v_mov_b32_e32 v12, -1
  ds_read_u8_d16 v10, v0 offset:1
  ds_read_i8_d16_hi v11, v0 offset:3
  ds_read_u16_d16_hi v12, v0 offset:4
  ds_read_b32 v13, v0 offset:4
  v_mov_b32_e32 v2, 2.0
  ds_write_b32 v0, v2 offset:8
  v_mov_b32_e32 v3, 0x7fc00000
  ds_min_f32 v0, v3 offset:8
  v_mov_b32_e32 v3, -4.0
  ds_min_rtn_f32 v14, v0, v3 offset:8
  ds_read_b32 v15, v0 offset:8
  v_mov_b32_e32 v4, 5
  ds_write_b32 v0, v4 offset:12
  v_mov_b32_e32 v5, 7
  ds_rsub_rtn_u32 v16, v0, v5 offset:12
  ds_read_b32 v17, v0 offset:12
  s_mov_b32 s6, 3
  s_set_gpr_idx_on s6, gpr_idx(SRC0)
  v_mov_b32_e32 v18, v10
  s_set_gpr_idx_off
  s_set_gpr_idx_on s6, gpr_idx(DST)
  v_mov_b32_e32 v16, v4
  s_set_gpr_idx_off
  global_store_dwordx4 v0, v[10:13], s[4:5]
  global_store_dwordx4 v0, v[14:17], s[4:5] offset:16
  global_store_dwordx2 v0, v[18:19], s[4:5] offset:32
  s_endpgm
