// A lane's record (64 bytes): sources 0 to 2 into v[8:9], v[10:11], v[12:15], the old destination into v[16:19], and 16 bytes
// of memory, which are in LDS at v28 and, put there by the host, in global memory at v[4:5] + 16. A group's mask into vcc.
// Arguments: records, results, masks, masks' results.
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_load_dwordx4 s[8:11], s[0:1], 0x10
  s_lshl_b32 s3, s2, 12
  s_lshl_b32 s12, s2, 5
  v_lshlrev_b32_e32 v3, 6, v0
  v_add_u32_e32 v2, s3, v3
  v_add_u32_e32 v28, 16, v3
  s_waitcnt lgkmcnt(0)
  v_mov_b32_e32 v5, s5
  v_add_co_u32_e32 v4, vcc, s4, v2
  v_addc_co_u32_e32 v5, vcc, 0, v5, vcc
  global_load_dwordx4 v[8:11], v[4:5], off
  global_load_dwordx4 v[12:15], v[4:5], off offset:16
  global_load_dwordx4 v[16:19], v[4:5], off offset:32
  global_load_dwordx4 v[20:23], v[4:5], off offset:48
  v_mov_b32_e32 v5, s7
  v_add_co_u32_e32 v4, vcc, s6, v2
  v_addc_co_u32_e32 v5, vcc, 0, v5, vcc
  s_load_dwordx2 s[14:15], s[8:9], s12
  s_waitcnt vmcnt(0) lgkmcnt(0)
  ds_write_b64 v3, v[20:21] offset:16
  ds_write_b64 v3, v[22:23] offset:24
  s_mov_b64 vcc, s[14:15]
  s_mov_b64 s[20:21], 0
  s_mov_b32 m0, -1
  s_waitcnt lgkmcnt(0)
