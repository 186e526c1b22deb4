// A group's record (64 bytes): sources into s[16:17] and s[18:19], the old destination into s[20:21], then EXEC, SCC and vcc.
// Arguments: records, results.
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_lshl_b32 s3, s2, 6
  s_waitcnt lgkmcnt(0)
  s_load_dwordx16 s[16:31], s[4:5], s3
  s_add_u32 s6, s6, s3
  s_addc_u32 s7, s7, 0
  s_waitcnt lgkmcnt(0)
  s_mov_b64 vcc, s[28:29]
  s_mov_b64 exec, s[24:25]
  s_cmp_lg_u32 s26, 0
