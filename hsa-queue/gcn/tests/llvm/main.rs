//! The table and its syntax held against LLVM's disassembler and assembler, where they are installed.
//!
//! A case is two words. LLVM reads one instruction from them or refuses them; the decoder must do the same, and say it in
//! the same words; LLVM's assembler must make the same words of that text.

mod cases;
mod tool;

use cases::{Case, Cases};
use gcn::row::Place;
use gcn::{DecodeError, Inst, Operand, gfx9};
use std::collections::{BTreeMap, BTreeSet};

/// Cases of a run in the default tests; the long mode asks for more by the environment.
fn count() -> usize {
    std::env::var("GCN_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(200_000)
}

/// Classes that are refused by name.
fn is_left_out(text: &str) -> bool {
    ["exp ", "v_interp_", "image_", "tbuffer_"].iter().any(|class| text.starts_with(class))
}

/// Texts of LLVM's that its own assembler does not take: signs of integer sources outside SDWA, a float in the place of an
/// exponent, a lane or a vector of what is no VGPR, a flat offset of more than twelve bits, a buffer's store from LDS.
fn is_odd(text: &str) -> bool {
    let signs = text.contains("sext(") && !text.contains("_sdwa");
    let lanes = ["v_readfirstlane_b32", "v_readlane_b32", "v_swap_b32", "v_mqsad_u32_u8"];
    let lanes =
        lanes.iter().any(|lane| text.starts_with(lane)) && (text.contains("src_") || text.contains("null"));
    let offset = text.split("offset:").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let offset = text.starts_with("flat_") && offset.is_some_and(|bytes: u32| bytes > 0xfff);
    let exponent = text.starts_with("v_ldexp_f16")
        && text.rsplit(", ").next().is_some_and(|last| last.contains(['.', 'x']));
    signs || lanes || offset || exponent || text.starts_with("buffer_store_lds_dword")
}

/// Differences by kind, each with the first example.
#[derive(Default)]
struct Wrong(BTreeMap<String, (usize, String)>);

impl Wrong {
    fn add(&mut self, kind: &str, example: String) {
        self.0.entry(kind.to_owned()).or_insert((0, example)).0 += 1;
    }

    fn none(&self, what: &str) {
        for (kind, (times, example)) in &self.0 {
            println!("{kind}: {times} times, for example {example}");
        }
        assert!(self.0.is_empty(), "{} kinds of words are {what}", self.0.len());
    }
}

fn ours(case: Case) -> Option<(String, usize)> {
    let inst = gfx9::decode(&case).ok()?;
    Some((inst.to_string(), usize::from(inst.words)))
}

// Keeps: gcn-as-llvm, gcn-refused
#[test]
fn words_are_accepted_and_read_as_llvm_accepts_and_reads_them() {
    let Some(llvm) = tool::find("words_are_accepted_and_read_as_llvm_accepts_and_reads_them") else { return };
    let mut cases = Cases::new(fastrand::Rng::with_seed(900));
    let (mut left, mut accepted) = (count(), 0_usize);
    let mut wrong = Wrong::default();
    while left > 0 {
        let batch: Vec<Case> = (0..left.min(20_000)).map(|_| cases.next()).collect();
        left -= batch.len();
        for (case, theirs) in batch.iter().zip(llvm.disassemble(&batch)) {
            let mine = ours(*case);
            accepted += usize::from(mine.is_some());
            if theirs.as_deref().is_some_and(is_left_out) {
                assert!(matches!(gfx9::decode(case), Err(DecodeError::Class(_))), "{case:08x?} {theirs:?}");
                continue;
            }
            if theirs.as_deref().is_some_and(is_odd) {
                continue;
            }
            if theirs.as_ref() != mine.as_ref().map(|(text, _)| text) {
                let mine = mine.map(|(text, _)| text);
                let name = |text: &Option<String>| {
                    text.as_deref().unwrap_or("-").split(' ').next().map(str::to_owned)
                };
                let kind =
                    format!("{} / {}", name(&theirs).unwrap_or_default(), name(&mine).unwrap_or_default());
                let shown =
                    format!("{:08x} {:08x}\n    llvm {theirs:?}\n    here {mine:?}", case[0], case[1]);
                wrong.add(&kind, shown);
            }
        }
    }
    wrong.none("read otherwise");
    println!("{} cases, {accepted} of them instructions", count());
}

// Keeps: gcn-as-llvm
#[test]
fn the_text_of_each_line_of_the_table_assembles_to_its_words() {
    let Some(llvm) = tool::find("the_text_of_each_line_of_the_table_assembles_to_its_words") else { return };
    let mut cases = Cases::new(fastrand::Rng::with_seed(901));
    let mut wrong = Wrong::default();
    let mut unmade: BTreeSet<&str> = gfx9::rows().map(|row| row.mnemonic).collect();
    let mut left = count() / 4;
    while left > 0 {
        let batch: Vec<Case> = (0..left.min(20_000)).map(|_| cases.next()).collect();
        left -= batch.len();
        let read: Vec<Inst> =
            batch.iter().filter_map(|case| gfx9::decode(case).ok()).filter(is_sayable).collect();
        let texts: Vec<String> = read.iter().map(Inst::to_string).collect();
        // The assembler refuses what would read two scalar registers at once, and the like; but it knows every line.
        for ((inst, text), made) in read.iter().zip(&texts).zip(llvm.assemble(&texts)) {
            let Some(made) = made else { continue };
            unmade.remove(inst.row.mnemonic);
            // Bits that say nothing are zero in what the assembler makes, and a constant may have come as a literal.
            let again = gfx9::decode(&made).map(|again| again.to_string());
            if again.as_ref() != Ok(text) {
                wrong.add(inst.row.mnemonic, format!("`{text}` assembles to {made:08x?}: {again:?}"));
            }
        }
    }
    wrong.none("assembled otherwise");
    assert!(unmade.is_empty(), "never assembled: {unmade:?}");
}

/// Whether the text says all of it: there is no null register on gfx9, a literal that is a constant's bits or is taken as 16
/// bits reads like another, and several patterns of a swizzle are one permutation.
fn is_sayable(inst: &Inst) -> bool {
    let text = inst.to_string();
    let ambiguous = inst.operands().any(|bound| match bound.operand {
        Operand::Literal(word) => {
            let float = [0.5, 1.0, 2.0, 4.0].iter().any(|one: &f32| one.to_bits() == word & 0x7fff_ffff);
            let constant = float || (-16..=64).contains(&(word as i32));
            bound.row.place != Place::Literal && bound.row.ty.bits == 16 || constant
        }
        Operand::Imm(pattern) if bound.row.place == Place::Pattern => {
            let (and, or, xor) = (pattern, pattern >> 5, pattern >> 10);
            (and & or | xor & !and) & 31 != 0
        }
        _ => false,
    });
    !text.contains("null") && !ambiguous && !is_odd(&text)
}
