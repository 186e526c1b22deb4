// What is in scratch, in LDS.
  buffer_load_dwordx4 v[20:23], off, s[40:43], 0 offset:16
  s_waitcnt vmcnt(0)
  ds_write_b64 v3, v[20:21] offset:16
  ds_write_b64 v3, v[22:23] offset:24
