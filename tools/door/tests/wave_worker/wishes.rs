//! What is wished of a dispatch that is under way.

use crate::kernels;
use crate::player::{Ended, OWN, Player};
use kfd_core::dispatch::Wish;

/// Runs an empty dispatch: what was ordered before has been heard.
fn settle(player: &mut Player) {
    let run = player.kernel(kernels::EMPTY, &[]);
    assert_eq!(player.run(run), Ended::Done);
}

// Keeps: wave-worker-wishes
#[test]
fn a_dispatch_that_is_to_pause_stands_still_and_goes_on_when_it_is_to() {
    // One thread: between two turns it hears everything.
    let mut player = Player::new(1);
    let (from, to) = (OWN, OWN + 4096);
    let run = player.kernel(kernels::FOLLOW, &[from, to]);
    let ticket = player.order(run);
    for round in 1..20_u32 {
        player.set_words(from, &[round]);
        while player.words(to, 1) != [round] {
            assert_eq!(player.glance(), None);
        }
        player.wish(ticket, Wish::Pause);
        settle(&mut player);
        player.set_words(from, &[0x1000 + round]);
        settle(&mut player);
        assert_eq!(player.words(to, 1), [round]);
        player.wish(ticket, Wish::Run);
    }
    player.wish(ticket, Wish::Cancel);
    assert_eq!(player.end(), (ticket, Ended::Cancelled));
    player.hang_up().expect("an end without error");
}

// Keeps: wave-worker-wishes
#[test]
fn a_dispatch_is_cancelled_wherever_it_is() {
    for threads in [1, 3] {
        let mut player = Player::new(threads);
        player.set_words(OWN, &[0]);
        let forever = player.kernel(kernels::FOREVER, &[]);
        let sleeper = player.kernel(kernels::SLEEPER, &[OWN]);
        for run in [forever, sleeper] {
            // At once, under way, paused, and told to run again.
            let ticket = player.order(run);
            player.wish(ticket, Wish::Cancel);
            assert_eq!(player.end(), (ticket, Ended::Cancelled));
            for wishes in [&[][..], &[Wish::Pause], &[Wish::Pause, Wish::Run], &[Wish::Run]] {
                let ticket = player.order(run);
                settle(&mut player);
                for wish in wishes {
                    player.wish(ticket, *wish);
                    settle(&mut player);
                }
                player.wish(ticket, Wish::Cancel);
                // What is wished afterwards of it, and of what never was, is nothing.
                player.wish(ticket, Wish::Pause);
                player.wish(ticket + 1000, Wish::Cancel);
                assert_eq!(player.end(), (ticket, Ended::Cancelled));
            }
        }
        player.hang_up().expect("an end without error");
    }
}

// Keeps: wave-worker-wishes
#[test]
fn a_dispatch_that_sleeps_wakes_when_what_it_waits_for_is_there() {
    for threads in [1, 3] {
        let mut player = Player::new(threads);
        player.set_words(OWN, &[0]);
        let run = player.kernel(kernels::SLEEPER, &[OWN]);
        let tickets: Vec<u64> = (0..5).map(|_| player.order(run)).collect();
        settle(&mut player);
        // With one thread no turn is under way when the pause is heard.
        let paused = (threads == 1).then_some(tickets[1]);
        if let Some(ticket) = paused {
            player.wish(ticket, Wish::Pause);
            settle(&mut player);
        }
        player.set_words(OWN, &[1]);
        let others: Vec<u64> = tickets.into_iter().filter(|ticket| Some(*ticket) != paused).collect();
        let mut ended: Vec<u64> = others
            .iter()
            .map(|_| player.end())
            .map(|(ticket, how)| {
                assert_eq!(how, Ended::Done);
                ticket
            })
            .collect();
        ended.sort_unstable();
        assert_eq!(ended, others);
        if let Some(ticket) = paused {
            player.wish(ticket, Wish::Run);
            assert_eq!(player.end(), (ticket, Ended::Done));
        }
        player.hang_up().expect("an end without error");
    }
}
