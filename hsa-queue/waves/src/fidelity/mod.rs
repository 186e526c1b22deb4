//! How near to hardware each instruction is that the decoder reads, and which test says so: data for reports.
//!
//! | fidelity | what it says |
//! |---|---|
//! | exact | each bit is what the instruction's specification gives it |
//! | within N ulp | hardware approximates it to N units in the last place; here it is the nearest float, so they may be so far apart |
//! | approximate | hardware approximates it, and nobody has published how well; here it is the nearest float |
//! | unsupported | it stops the wave with its place and its name |
//!
//! `not-run.txt` is made by the test that tries every line in every form; a form in it without the line itself is a form that
//! is not run of a line that is.

use gcn::gfx9;
use gcn::row::{Format, Row};
use std::fmt::{self, Display, Formatter};

const NOT_RUN: &str = include_str!("not-run.txt");

/// See the module's head. The order is that of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Fidelity {
    Exact,
    /// Units in the last place.
    Within(u32),
    Approximate,
    Unsupported,
}

impl Display for Fidelity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Within(ulps) => write!(f, "within {ulps} ulp"),
            Self::Approximate => f.write_str("approximate"),
            Self::Unsupported => f.write_str("unsupported"),
        }
    }
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Entry {
    pub mnemonic: &'static str,
    pub fidelity: Fidelity,
    /// The test that holds it.
    pub test: &'static str,
}

impl Display for Entry {
    /// A row of a Markdown table.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "| `{}` | {} | `{}` |", self.mnemonic, self.fidelity, self.test)
    }
}

/// How well hardware does what it approximates ("Vega" ISA, vector instructions: 1 ulp of f32, 0.51 ulp of f16, 2^29 ulp of f64;
/// no bound for sines).
const APPROXIMATED: &[(&str, Fidelity)] = &[
    ("v_rcp_f16", Fidelity::Within(1)),
    ("v_rcp_f32", Fidelity::Within(1)),
    ("v_rcp_iflag_f32", Fidelity::Within(1)),
    ("v_rcp_f64", Fidelity::Within(1 << 29)),
    ("v_rsq_f16", Fidelity::Within(1)),
    ("v_rsq_f32", Fidelity::Within(1)),
    ("v_rsq_f64", Fidelity::Within(1 << 29)),
    ("v_sqrt_f16", Fidelity::Within(1)),
    ("v_sqrt_f32", Fidelity::Within(1)),
    ("v_sqrt_f64", Fidelity::Within(1 << 29)),
    ("v_exp_f16", Fidelity::Within(1)),
    ("v_exp_f32", Fidelity::Within(1)),
    ("v_exp_legacy_f32", Fidelity::Within(1)),
    ("v_log_f16", Fidelity::Within(1)),
    ("v_log_f32", Fidelity::Within(1)),
    ("v_log_legacy_f32", Fidelity::Within(1)),
    ("v_sin_f16", Fidelity::Approximate),
    ("v_sin_f32", Fidelity::Approximate),
    ("v_cos_f16", Fidelity::Approximate),
    ("v_cos_f32", Fidelity::Approximate),
];

/// The tests by what they hold; the first line that names a mnemonic, or how it begins (`…*`), counts.
const TESTS: &[(&str, &[&str])] = &[
    ("what_is_approximated_is_the_nearest_float", &["v_exp_*", "v_log_*", "v_sin_*", "v_cos_*"]),
    (
        "lanes_are_read_written_counted_and_moved",
        &[
            "v_readlane_b32",
            "v_readfirstlane_b32",
            "v_writelane_b32",
            "v_swap_b32",
            "v_mbcnt_*",
            "ds_swizzle_b32",
            "ds_permute_b32",
            "ds_bpermute_b32",
        ],
    ),
    (
        "a_wave_branches_calls_waits_and_asks",
        &[
            "s_branch",
            "s_cbranch_*",
            "s_getpc_b64",
            "s_setpc_b64",
            "s_swappc_b64",
            "s_call_b64",
            "s_getreg_b32",
            "s_setreg_*",
            "s_set_gpr_idx_*",
            "s_nop",
            "s_barrier",
            "s_waitcnt",
            "s_sleep",
            "s_sendmsg",
            "s_trap",
            "s_setprio",
            "s_wakeup",
            "s_icache_inv",
            "s_dcache_*",
            "s_memtime",
            "s_memrealtime",
            "s_endpgm",
            "s_load_*",
            "v_nop",
            "v_clrexcp",
            "ds_nop",
            "buffer_wbinvl1*",
        ],
    ),
    (
        "words_are_exchanged_by_their_highest_bit_by_lanes_and_by_counters",
        &["ds_condxchg32_rtn_b64", "ds_read_addtid_b32", "ds_write_addtid_b32", "ds_append", "ds_consume"],
    ),
    (
        "each_group_sees_what_all_have_done_before_they_met_and_nothing_of_after_they_meet_again",
        &["ds_gws_init", "ds_gws_barrier"],
    ),
    ("the_loops_do_what_is_computed_exactly", &["v_mad_legacy_f32", "v_cvt_pkrtz_f16_f32"]),
    (
        "an_array_of_a_work_items_own_is_in_scratch_and_a_function_is_called_with_it",
        &["buffer_store_lds_dword", "buffer_load_*lds*"],
    ),
];

/// What is not in `TESTS` is compared with its pseudo-code.
const PSEUDO_CODE: &str = "each_instruction_does_what_its_pseudo_code_says";

/// What holds that a line is not run.
const REFUSED: &str = "what_the_engine_does_not_run_is_listed";

fn names(pattern: &str, mnemonic: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == mnemonic, |start| mnemonic.starts_with(start))
}

fn of_row(row: &Row) -> Entry {
    let mnemonic = row.mnemonic;
    if row.format == Format::SCRATCH || NOT_RUN.lines().any(|line| line == mnemonic) {
        return Entry { mnemonic, fidelity: Fidelity::Unsupported, test: REFUSED };
    }
    let approximated = APPROXIMATED.iter().find(|(name, _)| *name == mnemonic);
    let test = TESTS.iter().find(|(_, patterns)| patterns.iter().any(|pattern| names(pattern, mnemonic)));
    Entry {
        mnemonic,
        fidelity: approximated.map_or(Fidelity::Exact, |(_, fidelity)| *fidelity),
        test: test.map_or(PSEUDO_CODE, |(test, _)| test),
    }
}

/// All lines of gfx9's table.
pub fn table() -> impl Iterator<Item = Entry> {
    gfx9::rows().map(of_row)
}

/// The line of a mnemonic without what an encoding adds; `None` if there is no such instruction.
#[must_use]
pub fn of(mnemonic: &str) -> Option<Entry> {
    gfx9::rows().find(|row| row.mnemonic == mnemonic).map(of_row)
}

/// Forms of lines that are not run though the line is: its name, a blank, and `e64`, `sdwa` or `dpp`.
pub fn forms_not_run() -> impl Iterator<Item = &'static str> {
    NOT_RUN.lines().filter(|line| line.contains(' '))
}
