use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::sys::Forked;
use super::{A_WHILE, Event, Pidfd, SOON, Sleeper, Tgid, Token, Watcher, collect, token};

#[test]
fn a_death_is_reported_once_although_the_process_first_is_a_zombie_and_then_reaped() {
    let mut watcher = Watcher::new().unwrap();
    let mut sleeper = Sleeper::new();
    watcher.watch_death(sleeper.pidfd().as_fd(), token(3)).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    sleeper.kill();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(3))]);
    sleeper.reap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
}

#[test]
fn a_watch_goes_on_when_its_pidfd_is_closed() {
    let mut watcher = Watcher::new().unwrap();
    let mut sleeper = Sleeper::new();
    let pidfd = sleeper.pidfd();
    watcher.watch_death(pidfd.as_fd(), token(1)).unwrap();
    drop(pidfd);
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    sleeper.kill();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
}

#[test]
fn a_watch_on_a_process_that_has_ended_fires_at_once_reaped_or_not() {
    let mut watcher = Watcher::new().unwrap();
    let mut sleeper = Sleeper::new();
    let pidfd = sleeper.pidfd();
    sleeper.kill();
    while !pidfd.has_ended().unwrap() {}
    watcher.watch_death(pidfd.as_fd(), token(1)).unwrap();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    sleeper.reap();
    watcher.watch_death(pidfd.as_fd(), token(2)).unwrap();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(2))]);
}

#[test]
fn a_process_that_is_not_our_child_can_be_watched() {
    let mut shell = Command::new("sh")
        .args(["-c", "sleep 1000 >/dev/null & echo $!; wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let grandchild = Pidfd::open(Tgid(line.trim().parse().unwrap())).unwrap();
    let mut watcher = Watcher::new().unwrap();
    watcher.watch_death(grandchild.as_fd(), token(1)).unwrap();
    grandchild.send_signal(Signal::SIGKILL).unwrap();
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    shell.wait().unwrap();
}

#[test]
fn a_process_whose_leader_ended_first_is_silent_until_its_last_thread_ends() {
    let mut watcher = Watcher::new().unwrap();
    let life = Duration::from_millis(400);
    let begun = Instant::now();
    let process = Forked::whose_leader_ends_first(life);
    watcher.watch_death(Pidfd::open(process.tgid()).unwrap().as_fd(), token(1)).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    let mem = std::fs::File::open(format!("/proc/{}/mem", process.tgid()));
    assert_eq!(mem.unwrap_err().raw_os_error(), Some(libc::ESRCH), "the leader no longer leads to the mm");
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    assert!(begun.elapsed() >= life);
}

#[test]
fn a_token_of_a_stale_generation_comes_back_intact() {
    let mut watcher = Watcher::new().unwrap();
    let tenants = [Token::new(9, u32::MAX - 1, 5), Token::new(9, u32::MAX, 5), Token::new(9, 0, 5)];
    let mut sleepers = tenants.map(|_| Sleeper::new());
    for (sleeper, tenant) in sleepers.iter().zip(tenants) {
        watcher.watch_death(sleeper.pidfd().as_fd(), tenant).unwrap();
    }
    for (sleeper, tenant) in sleepers.iter_mut().zip(tenants) {
        sleeper.kill();
        assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(tenant)]);
        assert_eq!((tenant.slot(), tenant.tag()), (9, 5));
    }
}

#[test]
fn a_cancelled_watch_is_silent_and_others_are_not() {
    let mut watcher = Watcher::new().unwrap();
    let mut sleepers = [Sleeper::new(), Sleeper::new()];
    for (slot, sleeper) in sleepers.iter().enumerate() {
        watcher.watch_death(sleeper.pidfd().as_fd(), token(slot as u32)).unwrap();
    }
    watcher.cancel(token(0)).unwrap();
    watcher.cancel(token(7)).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), [], "neither the removals nor the removed show");
    for sleeper in &mut sleepers {
        sleeper.kill();
    }
    assert_eq!(collect(&mut watcher, 1, SOON), [Event::Died(token(1))]);
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
}

#[test]
fn a_batch_larger_than_the_rings_queues_is_watched_and_reported_in_full() {
    const WATCHES: u32 = 5000;
    let mut watcher = Watcher::new().unwrap();
    let child = Forked::idle();
    let pidfd = Pidfd::open(child.tgid()).unwrap();
    watcher.watch_deaths((0..WATCHES).map(|slot| (pidfd.as_fd(), token(slot)))).unwrap();
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    child.kill();
    let mut slots: Vec<_> = collect(&mut watcher, WATCHES as usize, SOON)
        .into_iter()
        .filter_map(Event::token)
        .map(Token::slot)
        .collect();
    slots.sort_unstable();
    assert!(slots.iter().copied().eq(0..WATCHES), "each watch once");
    // The same with completions that come inside the submission.
    watcher.watch_deaths((0..WATCHES).map(|slot| (pidfd.as_fd(), token(slot)))).unwrap();
    assert_eq!(collect(&mut watcher, WATCHES as usize, SOON).len(), WATCHES as usize);
}
