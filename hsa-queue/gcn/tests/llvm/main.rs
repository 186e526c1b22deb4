//! The table and its syntax held against LLVM's disassembler and assembler, where they are installed.
//!
//! A case is two words. LLVM reads one instruction from them or refuses them; the decoder must do the same, and say it in
//! the same words; LLVM's assembler must make the same words of that text.

mod cases;
mod subjects;
mod tool;

use cases::{Case, Cases};
use gcn::row::Place;
use gcn::{DecodeError, Inst, Operand, gfx9};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Cases of a run in the default tests; the long mode (`cargo xtask soak decode`) asks for more by the environment.
fn count() -> usize {
    from_environment("GCN_CASES").unwrap_or(1_000_000)
}

/// The default tests read the same words each time; the long mode says from where its own go on.
fn rng(own: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(own + 1000 * from_environment("GCN_SEED").unwrap_or(0) as u64)
}

/// When a long mode's share of the time is over.
fn until() -> Option<Instant> {
    from_environment("GCN_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds as u64))
}

fn from_environment(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// Cases that one process of the tool is given.
const BATCH: usize = 20_000;

/// Streams of cases, each a thread's: as many on any machine, so that the words are the same.
const STREAMS: usize = 2;

/// What a thread has read.
#[derive(Default)]
struct Read {
    cases: usize,
    instructions: usize,
    /// Lines of the table, and what of each.
    subjects: BTreeSet<(&'static str, String)>,
    wrong: Wrong,
}

/// `read` of batches of cases, in as many streams, until there have been `count` or the time is up.
fn in_batches(seed: u64, count: usize, read: impl Fn(&[Case], &mut Read) + Sync) -> Read {
    let until = until();
    let of_thread = |thread: usize| {
        let mut cases = Cases::new(rng(seed + 10 * thread as u64));
        let mut done = Read::default();
        let mut left = count / STREAMS + usize::from(thread < count % STREAMS);
        while left > 0 && until.is_none_or(|until| Instant::now() < until) {
            let batch: Vec<Case> = (0..left.min(BATCH)).map(|_| cases.next()).collect();
            left -= batch.len();
            done.cases += batch.len();
            read(&batch, &mut done);
        }
        done
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..STREAMS).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        let mut all = Read::default();
        for thread in running {
            let done = thread.join().expect("the reader ends");
            all.cases += done.cases;
            all.instructions += done.instructions;
            all.subjects.extend(done.subjects);
            all.wrong.join(done.wrong);
        }
        all
    })
}

/// Classes that are refused by name.
fn is_left_out(text: &str) -> bool {
    ["exp ", "v_interp_", "image_", "tbuffer_"].iter().any(|class| text.starts_with(class))
}

/// Texts of LLVM's that its own assembler does not take: signs of integer sources outside SDWA, a lane or a vector of what is
/// no VGPR, a compare's result into what is read only, a flat offset of more than twelve bits, a buffer's store from LDS.
fn is_odd(text: &str) -> bool {
    let signs = text.contains("sext(") && !text.contains("_sdwa");
    let lanes = ["v_readfirstlane_b32", "v_readlane_b32", "v_swap_b32", "v_mqsad_u32_u8"];
    let lanes =
        lanes.iter().any(|lane| text.starts_with(lane)) && (text.contains("src_") || text.contains("null"));
    let offset = text.split("offset:").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let offset = text.starts_with("flat_") && offset.is_some_and(|bytes: u32| bytes > 0xfff);
    let compare =
        text.starts_with("v_cmp") && text.split(' ').nth(1).is_some_and(|to| to.starts_with("src_"));
    signs || lanes || offset || compare || text.starts_with("buffer_store_lds_dword")
}

/// Differences by kind, each with the first example.
#[derive(Default)]
struct Wrong(BTreeMap<String, (usize, String)>);

impl Wrong {
    fn add(&mut self, kind: &str, example: String) {
        self.0.entry(kind.to_owned()).or_insert((0, example)).0 += 1;
    }

    fn join(&mut self, other: Self) {
        for (kind, (times, example)) in other.0 {
            self.0.entry(kind).or_insert((0, example)).0 += times;
        }
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
    let started = Instant::now();
    let read = in_batches(900, count(), |batch, read| {
        for (case, theirs) in batch.iter().zip(llvm.disassemble(batch)) {
            let mine = ours(*case);
            if let Ok(inst) = gfx9::decode(case) {
                read.instructions += 1;
                read.subjects
                    .extend(subjects::of(&inst).into_iter().map(|subject| (inst.row.mnemonic, subject)));
            }
            if theirs.as_deref().is_some_and(is_left_out) {
                assert!(matches!(gfx9::decode(case), Err(DecodeError::Class(_))), "{case:08x?} {theirs:?}");
                continue;
            }
            // What LLVM reads and does not write may be refused here, but not read otherwise.
            if mine.is_none() && theirs.as_deref().is_some_and(is_odd) {
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
                read.wrong.add(&kind, shown);
            }
        }
    });
    read.wrong.none("read otherwise");
    let unread: Vec<_> = subjects::all().filter(|subject| !read.subjects.contains(subject)).collect();
    assert!(unread.is_empty(), "{} subjects never read: {unread:?}", unread.len());
    let rate = read.cases as f64 / started.elapsed().as_secs_f64();
    println!("{} cases, {} of them instructions; {rate:.0} cases/s", read.cases, read.instructions);
}

// Keeps: gcn-as-llvm
#[test]
fn the_text_of_each_line_of_the_table_assembles_to_its_words() {
    let Some(llvm) = tool::find("the_text_of_each_line_of_the_table_assembles_to_its_words") else { return };
    let made = in_batches(901, count() / 20, |batch, read| {
        let sayable: Vec<Inst> =
            batch.iter().filter_map(|case| gfx9::decode(case).ok()).filter(is_sayable).collect();
        let texts: Vec<String> = sayable.iter().map(Inst::to_string).collect();
        // The assembler refuses what would read two scalar registers at once, and the like; but it knows every line.
        for ((inst, text), made) in sayable.iter().zip(&texts).zip(llvm.assemble(&texts)) {
            let Some(made) = made else { continue };
            read.subjects.insert((inst.row.mnemonic, String::new()));
            // Bits that say nothing are zero in what the assembler makes, and a constant may have come as a literal.
            let again = gfx9::decode(&made).map(|again| again.to_string());
            if again.as_ref() != Ok(text) {
                read.wrong.add(inst.row.mnemonic, format!("`{text}` assembles to {made:08x?}: {again:?}"));
            }
        }
    });
    made.wrong.none("assembled otherwise");
    let unmade: Vec<_> = gfx9::rows()
        .map(|row| row.mnemonic)
        .filter(|mnemonic| !made.subjects.contains(&(mnemonic, String::new())))
        .collect();
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
