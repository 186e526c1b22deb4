// Branches, calls, the mode, indices, waiting and asking. One wave; arguments: results (words), 16 words to load.
// s40 has a bit for each thing that went as it should.
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_mov_b32 s40, 0
  s_mov_b32 s41, 16
  s_waitcnt lgkmcnt(0)
  s_load_dword s42, s[6:7], 0x4
  s_load_dwordx2 s[44:45], s[6:7], 0x8
  s_load_dwordx4 s[48:51], s[6:7], s41
  s_load_dwordx8 s[52:59], s[6:7], 0x20
  s_load_dwordx16 s[64:79], s[6:7], 0x0
  s_waitcnt lgkmcnt(0)
  s_setprio 1
  s_nop 3
  s_wakeup
  s_icache_inv
  s_dcache_inv
  s_dcache_wb
  s_dcache_inv_vol
  s_dcache_wb_vol
  buffer_wbinvl1
  buffer_wbinvl1_vol
  s_branch 1
  s_endpgm
// over
  s_cmp_eq_u32 s40, 0
  s_cbranch_scc0 56
  s_cbranch_scc1 1
  s_endpgm
// is_scc
  s_or_b32 s40, s40, 1
  s_mov_b64 vcc, 0
  s_cbranch_vccnz 51
  s_cbranch_vccz 1
  s_endpgm
// is_vccz
  s_or_b32 s40, s40, 2
  s_cbranch_execz 47
  s_cbranch_execnz 1
  s_endpgm
// is_exec
  s_or_b32 s40, s40, 4
  s_call_b64 s[10:11], 76
  s_or_b32 s40, s40, 16
  s_getpc_b64 s[12:13]
// after
  s_add_u32 s12, s12, 0x128
  s_addc_u32 s13, s13, 0
  s_swappc_b64 s[10:11], s[12:13]
  s_or_b32 s40, s40, 32
  s_getreg_b32 s43, hwreg(HW_REG_MODE)
  s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 2), 3
  s_mov_b32 s46, 1
  s_setreg_b32 hwreg(HW_REG_MODE, 2, 2), s46
  s_getreg_b32 s47, hwreg(HW_REG_MODE, 0, 8)
  s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 4), 0
  v_mov_b32_e32 v8, 8
  v_mov_b32_e32 v9, 9
  v_mov_b32_e32 v10, 10
  v_mov_b32_e32 v11, 11
  s_mov_b32 s46, 1
  s_set_gpr_idx_on s46, gpr_idx(SRC0)
  v_mov_b32_e32 v12, v8
  s_set_gpr_idx_idx s41
  s_mov_b32 s46, 2
  s_set_gpr_idx_idx s46
  v_mov_b32_e32 v13, v8
  s_set_gpr_idx_mode gpr_idx(DST)
  v_mov_b32_e32 v14, v11
  s_set_gpr_idx_off
  s_memtime s[80:81]
  s_memrealtime s[82:83]
  s_sleep 1
  s_barrier
  s_waitcnt lgkmcnt(0)
  s_mov_b32 m0, 0x123
  s_sendmsg sendmsg(MSG_INTERRUPT)
  s_trap 1
  s_cmp_lg_u64 s[82:83], 0
  s_cselect_b32 s46, 64, 0
  s_or_b32 s40, s40, s46
// wrong
  v_mov_b32_e32 v2, s40
  v_writelane_b32 v2, s43, 1
  v_writelane_b32 v2, s47, 2
  v_writelane_b32 v2, s42, 3
  v_writelane_b32 v2, s44, 4
  v_writelane_b32 v2, s45, 5
  v_writelane_b32 v2, s48, 6
  v_writelane_b32 v2, s51, 7
  v_writelane_b32 v2, s52, 8
  v_writelane_b32 v2, s59, 9
  v_writelane_b32 v2, s64, 10
  v_writelane_b32 v2, s79, 11
  v_lshlrev_b32_e32 v1, 2, v0
  global_store_dword v1, v2, s[4:5]
  global_store_dword v1, v12, s[4:5] offset:256
  global_store_dword v1, v13, s[4:5] offset:512
  global_store_dword v1, v16, s[4:5] offset:768
  s_endpgm
// called
  s_or_b32 s40, s40, 8
  s_setpc_b64 s[10:11]
