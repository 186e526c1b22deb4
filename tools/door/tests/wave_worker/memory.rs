//! What an address means to a worker: its arena, memory of the daemon, doorbells, nothing; and when that changes.

use crate::kernels;
use crate::player::{Ended, FAR, NOWHERE, OWN, Player, READ_ONLY, RINGS, SINK, Told};
use kfd_core::waves::{Place, WaveSpan as Span};

const COUNT: [&str; 2] = [
    include_str!("../../../../hsa-queue/waves/tests/compiled/count.O0.words"),
    include_str!("../../../../hsa-queue/waves/tests/compiled/count.O3.words"),
];

fn numbers(count: u32) -> Vec<u32> {
    (0..count).map(|i| i.wrapping_mul(0x9e37_79b9)).collect()
}

// Keeps: wave-worker-memory
#[test]
fn memory_of_the_daemon_is_loaded_and_stored_and_its_words_are_changed_as_those_of_the_arena() {
    let mut player = Player::new(2);
    for text in COUNT {
        let mut found = Vec::new();
        for base in [OWN + (1 << 20), FAR] {
            let [input, words, wide, order] = [0, 0x1000, 0x2000, 0x3000].map(|at| base + at);
            player.set_words(input, &numbers(128));
            player.write(words, &[0x5a; 64]);
            player.write(wide, &[0x21; 64]);
            player.write(words + 36, &[0; 4]);
            player.write(order, &[0; 1024]);
            let run = player.compiled(text, &[input, words, wide, order], 64, 128);
            player.told.clear();
            assert_eq!(player.run(run), Ended::Done);
            assert_eq!(player.told.iter().any(|told| matches!(told, Told::Far(_))), base == FAR);
            let mut order = player.words(order, 128);
            order.sort_unstable();
            assert_eq!(order, (0..128).collect::<Vec<_>>());
            found.push((player.words(words, 16), player.words(wide, 16)));
        }
        assert_eq!(found[0], found[1]);
        let (words, wide) = &found[0];
        let sum = numbers(128).into_iter().fold(0_u32, u32::wrapping_add);
        assert_eq!(words[0], 0x5a5a_5a5a_u32.wrapping_add(sum));
        assert_eq!(words[9], 128);
        let wide_sum = numbers(128).into_iter().map(u64::from).sum::<u64>();
        let last = u64::from(wide[4]) | u64::from(wide[5]) << 32;
        assert_eq!(last, 0x2121_2121_2121_2121 + wide_sum);
    }
}

// Keeps: wave-worker-memory
#[test]
fn lanes_that_go_each_its_own_way_find_what_is_there_wherever_it_is() {
    let mut player = Player::new(1);
    let words = numbers(64);
    let shuffled: Vec<u32> = (0..64).map(|at| words[(63 - at) * 7 % 64]).collect();
    let (near, page) = (OWN + 0x8000, 0x6_0000_0000);
    // The second half of the page is elsewhere.
    let span = |start, place| Span { start, len: 0x80, writable: true, executable: true, place };
    player.spans.extend([span(page, Place::Own(0x40_0000)), span(page + 0x80, Place::Own(0x50_0000))]);
    for (from, to) in
        [(OWN, near), (OWN + 2, near), (OWN, near + 1), (FAR, near), (OWN, FAR), (READ_ONLY, near)]
    {
        let source = if from == READ_ONLY { OWN + 4096 } else { from };
        player.set_words(source, &words);
        let run = player.kernel(kernels::SHUFFLE, &[from, to]);
        // Twice: what is remembered then makes no difference.
        for _ in 0..2 {
            player.write(to, &[0xee; 256]);
            assert_eq!(player.run(run), Ended::Done);
            assert_eq!(player.words(to, 64), shuffled, "{from:#x} {to:#x}");
        }
    }
    player.set_words(OWN, &words);
    let there = player.kernel(kernels::SHUFFLE, &[OWN, page]);
    let back = player.kernel(kernels::COPY, &[page, near]);
    assert_eq!((player.run(there), player.run(back)), (Ended::Done, Ended::Done));
    assert_eq!(player.words(near, 64), shuffled);

    // Lane 0 stores last of all, to where nothing may be stored; lane 5 is the first that loads from where nothing is.
    let run = player.kernel(kernels::SHUFFLE, &[OWN, READ_ONLY]);
    let pc = run.kernel_object + 64 + kernels::SHUFFLE_STORES;
    assert_eq!(player.run(run), Ended::Fault { va: READ_ONLY + 252, write: true, pc });
    player.spans.pop();
    player.set_epoch(8);
    let run = player.kernel(kernels::SHUFFLE, &[page, near]);
    let pc = run.kernel_object + 64 + kernels::SHUFFLE_LOADS;
    assert_eq!(player.run(run), Ended::Fault { va: page + 35 * 4, write: false, pc });
}

// Keeps: wave-worker-memory
#[test]
fn an_access_that_crosses_spans_goes_in_pieces() {
    let mut player = Player::new(1);
    // 256 bytes from the arena's one place, the daemon's memory, and the arena's other.
    let base = 0x6_0000_0000;
    let span = |at, len, place| Span { start: base + at, len, writable: true, executable: true, place };
    player.spans.extend([
        span(0, 0x64, Place::Own(0x40_0000)),
        span(0x64, 0x3a, Place::Far),
        span(0x9e, 0x1000, Place::Own(4 << 30)),
    ]);
    let from: Vec<u8> = (0..=255).collect();
    let (source, back) = (player.place(&from), player.place(&[0; 256]));
    let run = player.kernel(kernels::COPY, &[source, base]);
    // The daemon's memory is where `FAR` has it, whatever the address.
    player.spans[1].start = FAR;
    assert_eq!(
        player.run(run),
        Ended::Fault { va: base + 0x64, write: true, pc: run.kernel_object + 64 + kernels::COPY_STORES }
    );
    // Nothing of the store was done by the lanes together, and the first of them were done one by one.
    player.spans.remove(6);
    player.spans.insert(6, span(0x64, 0x3a, Place::Own(0x50_0000)));
    player.set_epoch(8);
    assert_eq!(player.run(run), Ended::Done);
    let run = player.kernel(kernels::COPY, &[base, back]);
    assert_eq!(player.run(run), Ended::Done);
    assert_eq!(player.read(back, 256), from);
}

// Keeps: wave-worker-faults
#[test]
fn a_fault_names_the_first_byte_that_is_not_there_and_the_instruction() {
    let mut player = Player::new(2);
    let page = OWN + 4096;
    player.set_words(page, &numbers(1024));
    let cases = [
        // To nowhere at all, from nowhere at all.
        (page, NOWHERE, NOWHERE, true),
        (NOWHERE, page, NOWHERE, false),
        // What may only be read.
        (READ_ONLY, READ_ONLY, READ_ONLY, true),
        // Over an end: lane 32's, the half of lane 16's.
        (READ_ONLY + 4096 - 128, page, READ_ONLY + 4096, false),
        (READ_ONLY + 4096 - 66, page, READ_ONLY + 4096, false),
        (page, OWN + (16 << 20) - 128, OWN + (16 << 20), true),
        // Doorbells and registers are not to be read.
        (RINGS, page, RINGS, false),
        (SINK, page, SINK, false),
        // The daemon says so.
        (FAR + (1 << 20) - 128, page, FAR + (1 << 20), false),
        (u64::MAX - 127, page, u64::MAX - 127, false),
    ];
    for (from, to, va, write) in cases {
        let run = player.kernel(kernels::COPY, &[from, to]);
        let pc = if write { kernels::COPY_STORES } else { kernels::COPY_LOADS };
        let pc = run.kernel_object + 64 + pc;
        assert_eq!(player.run(run), Ended::Fault { va, write, pc }, "{from:#x} {to:#x}");
    }
    // An atomic that is not aligned, and one of doorbells.
    for at in [page + 2, RINGS, SINK, READ_ONLY] {
        let run = player.kernel(kernels::COUNT, &[at, page]);
        let Ended::Fault { va, write: true, .. } = player.run(run) else { panic!("{at:#x}") };
        assert_eq!(va, at);
    }
    let run = player.kernel(kernels::COPY, &[READ_ONLY, OWN]);
    assert_eq!(player.run(run), Ended::Done);
    assert_eq!(player.words(OWN, 64), numbers(64));
}

// Keeps: wave-worker-tells
#[test]
fn stores_to_doorbells_are_told_before_the_end_and_stores_to_registers_have_no_effect() {
    let mut player = Player::new(2);
    for (at, pages) in [(RINGS, 1), (RINGS + 4096, 2), (RINGS + 4096 - 128, 3), (SINK, 0)] {
        player.told.clear();
        let run = player.kernel(kernels::COPY, &[OWN, at]);
        assert_eq!(player.run(run), Ended::Done);
        let rang: Vec<_> = player.told.iter().filter(|told| matches!(told, Told::Rang { .. })).collect();
        let expected = [Told::Rang { device: 1, pages }];
        assert_eq!(rang, expected.iter().take(usize::from(pages != 0)).collect::<Vec<_>>());
    }
}

// Keeps: wave-worker-epochs
#[test]
fn a_span_is_asked_for_once_and_again_when_the_epoch_has_moved() {
    let mut player = Player::new(1);
    let run = player.kernel(kernels::COPY, &[OWN, OWN + 4096]);
    // Below it the kernel's code object is looked for, if time allows.
    let is_own = |told: &&Told| matches!(told, Told::Translate(va) if *va >= OWN);
    let translations = |player: &Player| player.told.iter().filter(is_own).count();
    for _ in 0..5 {
        assert_eq!(player.run(run), Ended::Done);
        assert_eq!(translations(&player), 1);
    }
    player.set_epoch(8);
    assert_eq!(player.run(run), Ended::Done);
    assert_eq!(translations(&player), 2);
}

// Keeps: wave-worker-epochs
#[test]
fn an_answer_from_before_the_epoch_moved_is_not_used() {
    let mut player = Player::new(2);
    let (from, to) = (OWN + 4096, OWN + 0x4000);
    player.set_words(from, &[1; 64]);
    player.set_words(OWN + 0x2000, &[2; 64]);
    // The daemon looks the page up; then it is mapped elsewhere.
    player.spans.insert(
        0,
        Span { start: from, len: 4096, writable: true, executable: true, place: Place::Own(0x1_1000) },
    );
    let run = player.kernel(kernels::COPY, &[from, to]);
    player.between = Some(|player| {
        // That was the kernel's own span. The next is that of the page.
        player.between = Some(|player| {
            player.spans[0].place = Place::Own(0x1_2000);
            player.set_epoch(9);
        });
    });
    // So that what is around the page is not taken for it.
    let rest = player.spans.remove(1);
    player.spans.push(Span {
        start: rest.start + 0x2000,
        len: rest.len - 0x2000,
        place: Place::Own(0x1_2000),
        ..rest
    });
    assert_eq!(player.run(run), Ended::Done);
    assert_eq!(player.epoch, 9);
    assert_eq!(player.words(to, 64), [2; 64]);
    let asked = player.told.iter().filter(|told| **told == Told::Translate(from)).count();
    assert_eq!(asked, 2);
}

// Keeps: wave-worker-epochs
#[test]
fn a_kernel_that_runs_sees_a_page_that_was_mapped_elsewhere() {
    let mut player = Player::new(2);
    let page = 0x6_0000_0000;
    player.set_words(OWN, &[1]);
    player.set_words(OWN + 4096, &[2]);
    let to = OWN + 0x4000;
    player.spans.push(Span {
        start: page,
        len: 4096,
        writable: false,
        executable: false,
        place: Place::Own(0x1_0000),
    });
    let run = player.kernel(kernels::FOLLOW, &[page, to]);
    player.order(run);
    while player.words(to, 1) != [1] {
        assert_eq!(player.glance(), None);
    }
    player.spans.last_mut().expect("the page").place = Place::Own(0x1_1000);
    player.set_epoch(8);
    while player.words(to, 1) != [2] {
        assert_eq!(player.glance(), None);
    }
    // And when it is nowhere.
    player.spans.pop();
    player.set_epoch(9);
    let (_, how) = player.end();
    assert!(matches!(how, Ended::Fault { va: 0x6_0000_0000, write: false, .. }), "{how:?}");
}

// Keeps: code-executable
#[test]
fn code_that_may_not_be_executed_is_a_fault_at_its_first_byte() {
    let mut player = Player::new(2);
    let run = player.kernel(kernels::EMPTY, &[]);
    let entry = run.kernel_object + 64;
    for executable in [false, true, false] {
        player.spans.iter_mut().for_each(|span| span.executable = executable);
        player.set_epoch(player.epoch + 1);
        let expected =
            if executable { Ended::Done } else { Ended::Fault { va: entry, write: false, pc: entry } };
        assert_eq!(player.run(run), expected, "its descriptor is data, its code is not");
    }
}
