//! Memory that only the daemon reaches: read ahead, stored many stores at once, and in an order that nobody can tell from one by one.

use crate::kernels;
use crate::player::{Ended, FAR, FAR_LEN, OWN, Player, Told};
use crate::{ADD, floats};
use kfd_core::waves::{Place, WaveSpan as Span};
use std::time::{Duration, Instant};

fn asked(player: &Player) -> usize {
    player.told.iter().filter(|told| matches!(told, Told::Far(_))).count()
}

// Keeps: wave-far-ahead
#[test]
fn who_goes_through_far_arrays_asks_once_for_many_accesses() {
    let n = 1_u32 << 16;
    for threads in [1, 2] {
        let mut player = Player::new(threads);
        for text in ADD {
            let [a, b, out] = [0, 4 * u64::from(n), 8 * u64::from(n)].map(|at| FAR + at);
            player.write(a, &floats((0..n).map(|i| i as f32)));
            player.write(b, &floats((0..n).map(|i| 0.5 * i as f32)));
            player.write(out, &vec![7; 4 * n as usize]);
            let run = player.compiled(text, &[a, b, out, n.into()], 256, n);
            player.told.clear();
            assert_eq!(player.run(run), Ended::Done);
            assert_eq!(player.read(out, 4 * n as usize), floats((0..n).map(|i| 1.5 * i as f32)));
            // One by one it is three for each of 1024 waves.
            assert!(asked(&player) < 300, "{}", asked(&player));
        }
        player.hang_up().expect("an end without error");
    }
}

// Keeps: wave-far-order
#[test]
fn far_stores_are_made_before_anything_that_tells_of_them() {
    for threads in [1, 2] {
        let mut player = Player::new(threads);
        let (far, near) = (FAR + 0x1000, OWN + 0x9000);
        player.watched = Some(near + 4);
        for (first, second, seen) in [(far, near, 0), (near, far, 1)] {
            player.write(far, &[0; 256]);
            player.write(near, &[0; 256]);
            player.told.clear();
            let run = player.kernel(kernels::TWICE, &[first, second]);
            assert_eq!(player.run(run), Ended::Done);
            let told: Vec<Told> =
                player.told.iter().copied().filter(|told| !matches!(told, Told::Translate(_))).collect();
            assert_eq!(told, [Told::Watched(seen), Told::Far(far), Told::Interrupt(77)]);
            let numbers: Vec<u32> = (0..64).collect();
            assert_eq!((player.words(far, 64), player.words(near, 64)), (numbers.clone(), numbers));
        }
    }
}

// Keeps: wave-far-fresh
#[test]
fn who_acquires_or_passes_the_cache_reads_what_is_there_now() {
    let mut player = Player::new(1);
    for (glc, acquires, expected) in [(false, false, 1), (true, false, 10), (false, true, 10)] {
        let run = player.kernel(&kernels::loads(10, glc, acquires), &[FAR]);
        for _ in 0..2 {
            player.told.clear();
            assert_eq!(player.run(run), Ended::Done);
            assert_eq!(asked(&player), expected, "{glc} {acquires}");
        }
    }
    // Who waits without either sees it a little later.
    player.set_words(FAR, &[0]);
    let (near, started) = (OWN + 0x9000, Instant::now());
    let run = player.kernel(kernels::FOLLOW, &[FAR, near]);
    player.order(run);
    for word in [5, 6, 7] {
        player.set_words(FAR, &[word]);
        while player.words(near, 1) != [word] {
            let _ = player.wait_for_word();
            assert!(started.elapsed() < Duration::from_secs(30), "{word} is not seen");
        }
    }
}

// Keeps: wave-far-fresh
#[test]
fn a_wave_that_goes_on_in_another_thread_reads_what_it_has_stored() {
    // Each group runs for many turns; with two dispatches there are more parts than threads, which take whichever is next.
    let (groups, times) = (16_usize, 3000_u32);
    for threads in [2, 3, 4] {
        let mut player = Player::new(threads);
        let places = [FAR, FAR + 0x8000];
        let orders = places.map(|place| {
            player.write(place, &vec![0; 256 * groups]);
            let mut run = player.kernel(kernels::ADD_OFTEN, &[place, times.into()]);
            run.grid = [64 * groups as u32, 1, 1];
            player.order(run)
        });
        for _ in orders {
            assert_eq!(player.end().1, Ended::Done);
        }
        for place in places {
            assert_eq!(player.words(place, 64 * groups), vec![times; 64 * groups], "{threads} threads");
        }
    }
}

// Keeps: wave-far-faults
#[test]
fn far_memory_that_is_not_there_is_a_fault_and_no_more_than_was_asked_for() {
    let mut player = Player::new(2);
    // The map has a page more than there is.
    player.spans.retain(|span| span.start != FAR);
    let len = FAR_LEN + 4096;
    player.spans.push(Span { start: FAR, len, writable: true, executable: true, place: Place::Far });
    let (end, near) = (FAR + FAR_LEN, OWN + 0x9000);
    player.set_words(end - 256, &(0..64).collect::<Vec<_>>());
    let run = player.kernel(kernels::COPY, &[end - 256, near]);
    assert_eq!(player.run(run), Ended::Done);
    assert_eq!(player.words(near, 64), (0..64).collect::<Vec<_>>());
    let run = player.kernel(kernels::COPY, &[end - 128, near]);
    let pc = run.kernel_object + 64 + kernels::COPY_LOADS;
    assert_eq!(player.run(run), Ended::Fault { va: end, write: false, pc });

    // Stores are over before they are made: of the instruction nothing is known.
    let run = player.kernel(kernels::COPY, &[near, end]);
    assert_eq!(player.run(run), Ended::Fault { va: end, write: true, pc: 0 });
    // Unless something after them told of them.
    let run = player.kernel(kernels::TWICE, &[end, near]);
    let pc = run.kernel_object + 64 + 20;
    assert_eq!(player.run(run), Ended::Fault { va: end, write: true, pc });
    let run = player.kernel(kernels::COPY, &[near, FAR]);
    assert_eq!(player.run(run), Ended::Done);
}

// Keeps: wave-far-fresh
#[test]
fn the_scalar_unit_reads_what_is_there_after_an_invalidation_and_in_another_dispatch() {
    let mut player = Player::new(1);
    let out = OWN + 0x9000;
    for base in [OWN + 0x8000, FAR + 0x100, FAR + FAR_LEN - 4] {
        player.set_words(base, &[1]);
        let run = player.kernel(kernels::CONSTANT, &[base, out]);
        assert_eq!(player.run(run), Ended::Done);
        assert_eq!(player.words(out, 1), [5], "{base:#x}");
    }
    // The same arguments' memory, with other arguments, and somewhere else.
    let run = player.kernel(kernels::COPY, &[OWN + 0x8000, out]);
    assert_eq!(player.run(run), Ended::Done);
    player.set_words(OWN + 0xa000, &[9]);
    player.write(run.kernarg, &(OWN + 0xa000).to_le_bytes());
    assert_eq!(player.run(run), Ended::Done);
    assert_eq!(player.words(out, 1), [9]);
}
