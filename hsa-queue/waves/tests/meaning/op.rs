//! One instruction of a line of the table, between what loads its registers and what stores them.

use crate::inputs;
use crate::machine::Machine;
use gcn::row::{Format, Kind, Place, Row, Ty};
use waves::{DispatchError, Progress, Stop};

const VECTOR: &str = include_str!("vector.words");
const VECTOR_AFTER: &str = include_str!("vector-after.words");
const SCRATCH: &str = include_str!("scratch.words");
const SCRATCH_MEMORY: &str = include_str!("scratch-memory.words");
const SCRATCH_AFTER: &str = include_str!("scratch-after.words");
const SCALAR: &str = include_str!("scalar.words");
const SCALAR_AFTER: &str = include_str!("scalar-after.words");

/// The mode in which kernels begin here: denormals kept, DX10_CLAMP, IEEE.
pub const USUAL: u32 = 0x3f0;

/// What an instruction finds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Case {
    /// MODE's lowest ten bits.
    pub mode: u32,
    pub lane: u32,
    pub sources: [u64; 3],
    /// Above the third source's 64 bits.
    pub more: u64,
    pub old: u128,
    pub vcc: u64,
    pub exec: u64,
    pub scc: bool,
    pub memory: u128,
}

/// What it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    pub destination: u128,
    /// Of a compare and of whatever else has a mask, this lane's bit; of a scalar instruction SCC.
    pub bit: bool,
    pub exec: u64,
    pub memory: u128,
}

/// Lines that what surrounds an instruction is not made for: lanes that see each other, branches, hardware registers, scalar
/// memory, and what is not for one wave.
pub fn is_left_out(row: &Row) -> bool {
    let other = [
        "lane",
        "readfirst",
        "v_swap",
        "permute",
        "swizzle",
        "mbcnt",
        "clrexcp",
        "nop",
        "addtid",
        "gws",
        "ordered",
        "append",
        "consume",
        "lds_dword",
        "condxchg",
        "src2",
        "wbinvl1",
    ];
    let control = ["branch", "pc_", "getreg", "setreg", "call", "gpr_idx", "rfe", "cbranch", "movrel"];
    matches!(row.format, Format::SOPP | Format::SMEM | Format::SCRATCH)
        || other.iter().chain(&control).any(|part| row.mnemonic.contains(part))
        || row.operands().next().is_none()
}

pub fn is_scalar(row: &Row) -> bool {
    matches!(row.format, Format::SOP1 | Format::SOP2 | Format::SOPC | Format::SOPK)
}

pub fn is_memory(row: &Row) -> bool {
    matches!(row.format, Format::DS | Format::FLAT | Format::GLOBAL | Format::MUBUF)
}

/// Whether what is at a place of the row is given back.
pub fn is_destination(row: &Row, place: Place) -> bool {
    matches!(place, Place::Dst | Place::Old) || place == Place::Data1 && row.format == Format::MUBUF
}

fn has(row: &Row, place: Place) -> bool {
    row.operands().any(|operand| operand.place == place)
}

/// Words of the instruction, behind what sets the mode; `literal` is its literal or immediate.
fn encode(row: &Row, literal: u32, mode: u32) -> Vec<u32> {
    // s_setreg_imm32_b32 hwreg(HW_REG_MODE, 0, 10), mode
    let set = if mode == USUAL { Vec::new() } else { vec![0xba00_4801, mode] };
    [set, instruction(row, literal)].concat()
}

fn instruction(row: &Row, literal: u32) -> Vec<u32> {
    let op = u32::from(row.opcode);
    let source =
        |number: u32| if has(row, Place::ScalarSrc(number as u8)) { 0 } else { 256 + 8 + 2 * number };
    let wide = || u64::from(source(0)) | u64::from(source(1)) << 9 | u64::from(source(2)) << 18;
    match row.format {
        Format::VOP1 => vec![0x7e00_0000 | 16 << 17 | op << 9 | source(0)],
        Format::VOP2 if has(row, Place::Literal) => vec![op << 25 | 16 << 17 | 10 << 9 | source(0), literal],
        Format::VOP2 => vec![op << 25 | 16 << 17 | 10 << 9 | source(0)],
        Format::VOPC => vec![0x7c00_0000 | op << 17 | 10 << 9 | source(0)],
        Format::VOP3 => {
            let mask = if has(row, Place::Mask) { 20 << 8 } else { 0 };
            let sources =
                row.operands().filter(|operand| matches!(operand.place, Place::Src(_) | Place::VgprSrc(_)));
            let kept = (1_u64 << (9 * sources.count())) - 1;
            vec![0xd000_0000 | op << 16 | 16 | mask, (wide() & kept) as u32]
        }
        Format::VOP3P => {
            let sources = row.operands().filter(|operand| matches!(operand.place, Place::Src(_)));
            let count = sources.count();
            // Halves as compilers choose them: the low ones for the low result. A mixed operation's are whole f32.
            let mix = row.operands().any(|operand| operand.ty.kind == Kind::Mix);
            let (low, high) = if mix { (0, 0) } else { (0x4000, 0x1800_0000) };
            let kept = (1_u64 << (9 * count)) - 1;
            vec![0xd380_0000 | op << 16 | 16 | low, (wide() & kept) as u32 | high]
        }
        Format::SOP1 => vec![0xbe80_0000 | 20 << 16 | op << 8 | 16],
        Format::SOP2 => vec![0x8000_0000 | op << 23 | 20 << 16 | 18 << 8 | 16],
        Format::SOPC => vec![0xbf00_0000 | op << 16 | 18 << 8 | 16],
        // A compare's source is in the destination's place.
        Format::SOPK => {
            let register = if has(row, Place::Src(0)) { 16 } else { 20 };
            vec![0xb000_0000 | op << 23 | register << 16 | literal & 0xffff]
        }
        Format::DS => {
            let offset =
                if has(row, Place::Offsets) { u32::from(!row.mnemonic.contains("st64")) << 8 } else { 0 };
            let field = |place, register: u32, at: u32| if has(row, place) { register << at } else { 0 };
            vec![
                0xd800_0000 | op << 17 | offset,
                field(Place::Address, 28, 0)
                    | field(Place::Data, 10, 8)
                    | field(Place::Data1, 12, 16)
                    | field(Place::Dst, 16, 24),
            ]
        }
        Format::FLAT | Format::GLOBAL => {
            let segment = if row.format == Format::GLOBAL { 2 << 14 } else { 0 };
            let glc = u32::from(has(row, Place::Old)) << 16;
            let saddr = if row.format == Format::GLOBAL { 0x7f << 16 } else { 0 };
            let data = if has(row, Place::Data) { 10 << 8 } else { 0 };
            let to = if has(row, Place::Dst) || has(row, Place::Old) { 16 << 24 } else { 0 };
            vec![0xdc00_0000 | op << 18 | glc | segment | 16, 4 | data | saddr | to]
        }
        Format::MUBUF => {
            // A wave's own scratch, whose buffer is in s[40:43]. What is stored is in v10, what is loaded or changed in v16.
            let data = if has(row, Place::Dst) || has(row, Place::Data1) { 16 } else { 10 };
            let glc = u32::from(has(row, Place::Data1)) << 14;
            vec![0xe000_0000 | op << 18 | glc | 16, data << 8 | 10 << 16 | 128 << 24]
        }
        Format::SOPP | Format::SMEM | Format::SCRATCH => Vec::new(),
    }
}

fn text(parts: [&str; 3]) -> String {
    parts.join(" ")
}

fn of_words(words: &[u32]) -> String {
    words.iter().map(|word| format!("{word:08x}")).collect::<Vec<_>>().join(" ")
}

/// Types of a row's sources. Data of a memory instruction count as the second and third.
pub fn types(row: &Row, literal: bool) -> [Option<Ty>; 3] {
    let mut types = [None; 3];
    for operand in row.operands() {
        match operand.place {
            Place::Src(number) | Place::VgprSrc(number) if operand.ty.kind != Kind::Mask => {
                types[usize::from(number)] = Some(operand.ty);
            }
            Place::Literal if literal && row.format != Format::SOPK => types[2] = Some(operand.ty),
            Place::Data | Place::Data1 => types[1] = Some(operand.ty),
            _ => {}
        }
    }
    if is_memory(row) {
        let bits = Ty { kind: Kind::Bits, bits: 64 };
        types = [None, Some(bits), Some(bits)];
    }
    types
}

/// Cases of a vector instruction with given sources, and what the engine makes of them.
pub fn run_cases(rng: &mut fastrand::Rng, row: &Row, cases: Vec<Case>) -> Option<Vec<(Case, Left)>> {
    let mut cases: Vec<Case> =
        cases.into_iter().map(|case| Case { mode: USUAL, exec: u64::MAX, ..case }).collect();
    let left = vector(rng, row, 0, &mut cases)?;
    Some(cases.into_iter().zip(left).collect())
}

/// Cases and what the engine makes of them; `None` if it does not run the instruction.
pub fn run(rng: &mut fastrand::Rng, row: &Row, mode: u32, count: usize) -> Option<Vec<(Case, Left)>> {
    let named = has(row, Place::Literal) || row.format == Format::SOPK;
    // The literal is the same in all cases of a dispatch, so there are several.
    let rounds = if named { 6 } else { 1 };
    let mut all = Vec::new();
    for round in 0..rounds {
        let types = types(row, false);
        let mut literal = 0;
        if named {
            let ty = row.operands().find(|operand| operand.place == Place::Literal).map(|operand| operand.ty);
            let ty = ty.unwrap_or(Ty { kind: Kind::Bits, bits: 32 });
            let edges = inputs::sources(rng, [Some(ty), None, None], 4);
            literal = edges[(round * 7) % edges.len()][0] as u32;
        }
        let mut cases: Vec<Case> = inputs::sources(rng, types, count / rounds)
            .into_iter()
            .map(|sources| Case {
                mode,
                sources,
                more: rng.u64(..),
                old: u128::from(rng.u64(..)) | u128::from(rng.u64(..)) << 64,
                exec: u64::MAX,
                scc: rng.bool(),
                memory: u128::from(rng.u64(..)) | u128::from(rng.u64(..)) << 64,
                ..Case::default()
            })
            .collect();
        // A destination that is also a source has numbers of its type.
        for case in &mut cases {
            if let Some(ty) = types[0].filter(|_| row.mnemonic.starts_with("v_mac")) {
                case.old = inputs::sources(rng, [Some(ty), None, None], 1).last()?[0].into();
            }
            // A buffer's atomic has its data where the old value goes.
            if row.format == Format::MUBUF && has(row, Place::Data1) {
                case.old = u128::from(case.sources[1]) | u128::from(case.sources[2]) << 64;
            }
            // What is at an address is near what it is compared with.
            if is_memory(row) && rng.u32(0..3) == 0 {
                case.memory = u128::from(case.sources[1]) | u128::from(case.sources[2]) << 64;
            }
            if is_memory(row) && row.mnemonic.contains("cmpswap") && rng.bool() {
                let [_, source, other] = case.sources;
                case.memory = if row.mnemonic.ends_with("x2") { other.into() } else { (source >> 32).into() };
            }
        }
        let left = if is_scalar(row) {
            scalar(rng, row, literal, &mut cases)?
        } else {
            vector(rng, row, literal, &mut cases)?
        };
        if named {
            for case in &mut cases {
                match row.format {
                    // The immediate is the second source of a compare, else the only one.
                    Format::SOPK if has(row, Place::Src(0)) => case.sources[1] = literal.into(),
                    Format::SOPK => case.sources[0] = u64::from(literal & 0xffff),
                    _ => case.sources[2] = literal.into(),
                }
            }
        }
        all.extend(cases.into_iter().zip(left));
    }
    Some(all)
}

/// Whether a dispatch ran; panics where it ended otherwise than by the instruction not being run.
fn ran(row: &Row, end: Result<(), Progress>) -> Option<()> {
    match end {
        Ok(()) => Some(()),
        Err(Progress::Error(DispatchError::Stopped { why: Stop::Unsupported(_), .. })) => None,
        Err(other) => panic!("{}: {other:?}", row.mnemonic),
    }
}

fn vector(rng: &mut fastrand::Rng, row: &Row, literal: u32, cases: &mut Vec<Case>) -> Option<Vec<Left>> {
    cases.resize(cases.len().next_multiple_of(64), *cases.last()?);
    let groups = cases.len() / 64;
    let masks: Vec<u64> = (0..groups).map(|_| rng.u64(..)).collect();
    for (at, case) in cases.iter_mut().enumerate() {
        (case.lane, case.vcc) = (at as u32 % 64, masks[at / 64]);
    }
    let tried = of_words(&encode(row, literal, cases[0].mode));
    let in_scratch = row.format == Format::MUBUF;
    let mut machine = if in_scratch {
        let code = [SCRATCH, VECTOR, SCRATCH_MEMORY, &tried, SCRATCH_AFTER, VECTOR_AFTER].join(" ");
        // The mode as everywhere; scratch with its buffer, the arguments' address, the group's x and the wave's offset.
        let (rsrc1, rsrc2) = (63 | 0xf0 << 12 | 1 << 21 | 1 << 23, 6 << 1 | 1 | 1 << 7);
        let mut machine = Machine::described(rsrc1, rsrc2, 1 << 3 | 1, &code);
        machine.private_segment(64);
        machine
    } else {
        Machine::new(&text([VECTOR, &tried, VECTOR_AFTER]))
    };
    let low = |wide: u128| [wide as u64, (wide >> 64) as u64];
    let records: Vec<u64> = cases
        .iter()
        .flat_map(|case| {
            let [a, b, c] = case.sources;
            let ([old, old_high], [memory, memory_high]) = (low(case.old), low(case.memory));
            [a, b, c, case.more, old, old_high, memory, memory_high]
        })
        .collect();
    let results: Vec<u64> =
        cases.iter().flat_map(|case| [0, 0, low(case.memory)[0], low(case.memory)[1], 0, 0, 0, 0]).collect();
    let records = machine.place_wide(&records);
    let results = machine.place_wide(&results);
    let masks = machine.place_wide(&masks.iter().flat_map(|mask| [*mask, 0, 0, 0]).collect::<Vec<_>>());
    let masks_left = machine.place_wide(&vec![0; 4 * groups]);
    machine.arguments(&[records, results, masks, masks_left]);
    ran(row, machine.run([64, 1, 1], [cases.len() as u32, 1, 1], 65536))?;
    let results = machine.read_wide(results, 8 * cases.len());
    let masks = machine.read_wide(masks_left, 4 * groups);
    let wide = |at: usize| u128::from(results[at]) | u128::from(results[at + 1]) << 64;
    let in_share = row.format == Format::DS || in_scratch;
    Some(
        (0..cases.len())
            .map(|at| {
                let group = &masks[4 * (at / 64)..];
                let mask = if row.format == Format::VOP3 { group[0] } else { group[1] };
                Left {
                    destination: wide(8 * at),
                    bit: mask >> (at % 64) & 1 != 0,
                    exec: group[2],
                    memory: wide(8 * at + if in_share { 4 } else { 2 }),
                }
            })
            .collect(),
    )
}

fn scalar(rng: &mut fastrand::Rng, row: &Row, literal: u32, cases: &mut [Case]) -> Option<Vec<Left>> {
    for case in cases.iter_mut() {
        let narrow = row.operands().any(|operand| operand.place == Place::Dst && operand.ty.bits <= 32);
        case.old = if narrow { u128::from(case.old as u32) } else { u128::from(case.old as u64) };
        case.exec = match rng.u32(0..4) {
            0 => 0,
            1 => case.sources[0],
            _ => rng.u64(..),
        };
    }
    let mut machine =
        Machine::new(&text([SCALAR, &of_words(&encode(row, literal, cases[0].mode)), SCALAR_AFTER]));
    let records: Vec<u64> = cases
        .iter()
        .flat_map(|case| {
            let [a, b, _] = case.sources;
            [a, b, case.old as u64, 0, case.exec, case.scc.into(), case.vcc, 0]
        })
        .collect();
    let records = machine.place_wide(&records);
    let results = machine.place_wide(&vec![0; 8 * cases.len()]);
    machine.arguments(&[records, results]);
    ran(row, machine.run([64, 1, 1], [64 * cases.len() as u32, 1, 1], 0))?;
    let results = machine.read_wide(results, 8 * cases.len());
    Some(
        results
            .as_chunks::<8>()
            .0
            .iter()
            .zip(cases.iter())
            .map(|(result, case)| Left {
                destination: result[0].into(),
                bit: result[2] as u32 != 0,
                exec: result[1],
                memory: case.memory,
            })
            .collect(),
    )
}
