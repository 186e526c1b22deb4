//! Kernels for wave workers, as LLVM assembles them for gfx900.
//!
//! Each gets the address of its arguments in s[0:1] and its group's x in s2.

/// One instruction: the end.
pub const EMPTY: &[u32] = &[0xbf81_0000];

/// Goes nowhere for ever: s_branch to itself.
pub const FOREVER: &[u32] = &[0xbf82_ffff];

/// Stores from the words at the first argument to those at the second, one a lane.
pub const COPY: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0x2400_0082, // v_lshlrev_b32_e32 v0, 2, v0
    0xdc50_8000,
    0x0104_0000, // global_load_dword v1, v0, s[4:5]
    0xdc70_8000,
    0x0006_0100, // global_store_dword v0, v1, s[6:7]
    0xbf81_0000, // s_endpgm
];

/// Where `COPY` loads and stores, in bytes from its beginning.
pub const COPY_LOADS: u64 = 12;
pub const COPY_STORES: u64 = 20;

/// Stores the word at the first argument to that at the second, for ever.
pub const FOLLOW: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0x7e00_0280, // v_mov_b32_e32 v0, 0
    0xdc50_8000,
    0x0104_0000, // global_load_dword v1, v0, s[4:5]
    0xdc70_8000,
    0x0006_0100, // global_store_dword v0, v1, s[6:7]
    0xbf82_fffb, // s_branch to the load
];

/// Sleeps until the word at the first argument is not 0.
pub const SLEEPER: &[u32] = &[
    0xc006_0100,
    0x0000_0000, // s_load_dwordx2 s[4:5], s[0:1], 0x0
    0x7e02_0204, // v_mov_b32_e32 v1, s4
    0x7e04_0205, // v_mov_b32_e32 v2, s5
    0xbf8e_0001, // s_sleep 1
    0xdc50_8000,
    0x037f_0001, // global_load_dword v3, v[1:2], off
    0x7e0c_0503, // v_readfirstlane_b32 s6, v3
    0xbf06_8006, // s_cmp_eq_u32 s6, 0
    0xbf85_fffa, // s_cbranch_scc1 to the sleep
    0xbf81_0000, // s_endpgm
];

/// Each lane adds 1 to the word at the first argument, and stores what it found at the second.
pub const COUNT: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0x2400_0082, // v_lshlrev_b32_e32 v0, 2, v0
    0x7e06_0280, // v_mov_b32_e32 v3, 0
    0x7e04_0281, // v_mov_b32_e32 v2, 1
    0xdd09_8000,
    0x0104_0203, // global_atomic_add v1, v3, v2, s[4:5] glc
    0xdc70_8000,
    0x0006_0100, // global_store_dword v0, v1, s[6:7]
    0xbf81_0000, // s_endpgm
];

/// Loads by each lane the word 7 times its own number, modulo 64, at the first argument, and stores it at the second, the lanes
/// in the other order.
pub const SHUFFLE: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0x1002_0087, // v_mul_u32_u24_e32 v1, 7, v0
    0x2602_02bf, // v_and_b32_e32 v1, 63, v1
    0x2402_0282, // v_lshlrev_b32_e32 v1, 2, v1
    0xdc50_8000,
    0x0204_0001, // global_load_dword v2, v1, s[4:5]
    0x6a06_00bf, // v_sub_u32_e32 v3, 63, v0
    0x2406_0682, // v_lshlrev_b32_e32 v3, 2, v3
    0xdc70_8000,
    0x0006_0203, // global_store_dword v3, v2, s[6:7]
    0xbf81_0000, // s_endpgm
];

/// Where `SHUFFLE` loads and stores, in bytes from its beginning.
pub const SHUFFLE_LOADS: u64 = 20;
pub const SHUFFLE_STORES: u64 = 36;

/// Stores each lane's number at the first argument, then at the second, and raises event 77.
pub const TWICE: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0x2402_0082, // v_lshlrev_b32_e32 v1, 2, v0
    0xdc70_8000,
    0x0004_0001, // global_store_dword v1, v0, s[4:5]
    0xdc70_8000,
    0x0006_0001, // global_store_dword v1, v0, s[6:7]
    0xbefc_00ff,
    0x0000_004d, // s_mov_b32 m0, 77
    0xbf90_0001, // s_sendmsg sendmsg(MSG_INTERRUPT)
    0xbf81_0000, // s_endpgm
];

/// Each lane of each group adds 1 to a word of its own from the first argument on, as often as the second says, by a load and a
/// store.
pub const ADD_OFTEN: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0x8e03_8802, // s_lshl_b32 s3, s2, 8
    0x2400_0082, // v_lshlrev_b32_e32 v0, 2, v0
    0x6800_0003, // v_add_u32_e32 v0, s3, v0
    0xdc50_8000,
    0x0104_0000, // global_load_dword v1, v0, s[4:5]
    0xbf8c_0f70, // s_waitcnt vmcnt(0)
    0x6802_0281, // v_add_u32_e32 v1, 1, v1
    0xdc70_8000,
    0x0004_0100, // global_store_dword v0, v1, s[4:5]
    0x8086_8106, // s_sub_u32 s6, s6, 1
    0xbf07_8006, // s_cmp_lg_u32 s6, 0
    0xbf85_fff7, // s_cbranch_scc1 to the load
    0xbf81_0000, // s_endpgm
];

/// Loads the word at the first argument so many times, each time past the cache or after an acquire if so said.
pub fn loads(times: usize, glc: bool, acquires: bool) -> Vec<u32> {
    // s_load_dwordx2 s[4:5], s[0:1], 0x0; v_mov_b32_e32 v0, 0
    let mut words = vec![0xc006_0100, 0x0000_0000, 0x7e00_0280];
    for _ in 0..times {
        // global_load_dword v1, v0, s[4:5]
        words.extend([0xdc50_8000 | u32::from(glc) << 16, 0x0104_0000]);
        if acquires {
            // buffer_wbinvl1_vol
            words.extend([0xe0fc_0000, 0x0000_0000]);
        }
    }
    words.push(0xbf81_0000);
    words
}

/// Loads the word at the first argument by the scalar unit, stores 5 there, invalidates the constant cache, and stores what it then
/// loads at the second argument.
pub const CONSTANT: &[u32] = &[
    0xc00a_0100,
    0x0000_0000, // s_load_dwordx4 s[4:7], s[0:1], 0x0
    0xc002_0202,
    0x0000_0000, // s_load_dword s8, s[4:5], 0x0
    0x7e00_0280, // v_mov_b32_e32 v0, 0
    0x7e02_0285, // v_mov_b32_e32 v1, 5
    0xdc70_8000,
    0x0004_0100, // global_store_dword v0, v1, s[4:5]
    0xbf8c_0000, // s_waitcnt vmcnt(0) expcnt(0) lgkmcnt(0)
    0xc080_0000,
    0x0000_0000, // s_dcache_inv
    0xc002_0242,
    0x0000_0000, // s_load_dword s9, s[4:5], 0x0
    0x7e04_0209, // v_mov_b32_e32 v2, s9
    0xdc70_8000,
    0x0006_0200, // global_store_dword v0, v2, s[6:7]
    0xbf81_0000, // s_endpgm
];

/// Raises event 77.
pub const INTERRUPT: &[u32] = &[
    0xbefc_00ff,
    0x0000_004d, // s_mov_b32 m0, 77
    0xbf90_0001, // s_sendmsg sendmsg(MSG_INTERRUPT)
    0xbf81_0000, // s_endpgm
];

/// Stores the clock at the first argument.
pub const CLOCK: &[u32] = &[
    0xc006_0100,
    0x0000_0000, // s_load_dwordx2 s[4:5], s[0:1], 0x0
    0xc094_0180,
    0x0000_0000, // s_memrealtime s[6:7]
    0x7e00_0280, // v_mov_b32_e32 v0, 0
    0x7e02_0206, // v_mov_b32_e32 v1, s6
    0x7e04_0207, // v_mov_b32_e32 v2, s7
    0xdc74_8000,
    0x0004_0100, // global_store_dwordx2 v0, v[1:2], s[4:5]
    0xbf81_0000, // s_endpgm
];

/// s_trap 2: aborts.
pub const ABORT: &[u32] = &[0xbf92_0002, 0xbf81_0000];

/// s_quadmask_b32 s4, s5: not run.
pub const UNSUPPORTED: &[u32] = &[0xbe84_2805, 0xbf81_0000];

/// image_load: not of these instructions.
pub const ILLEGAL: &[u32] = &[0xf000_0100, 0x0000_0000, 0xbf81_0000];
