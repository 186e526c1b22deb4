//! More watches than descriptors, and storms of deaths.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::sys::Forked;
use super::{A_WHILE, Event, Pidfd, Token, Watcher, alone, collect, token};

/// A machine under load takes its time for tens of thousands of processes.
const IN_THE_END: Duration = Duration::from_secs(120);

/// Lowers the limit of descriptors, if need be.
fn descriptors(limit: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, limit.min(hard), limit.min(hard)).unwrap();
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The slots of so many deaths, in order; anything else that is reported is a failure.
fn dead(watcher: &mut Watcher, want: u32) -> Vec<u32> {
    let events = collect(watcher, want as usize, IN_THE_END);
    let slot = |event| match event {
        Event::Died(token) => Token::slot(token),
        other => panic!("{other:?}"),
    };
    let mut slots: Vec<_> = events.into_iter().map(slot).collect();
    slots.sort_unstable();
    slots
}

// Keeps: watch-scale
#[test]
fn fifty_thousand_watches_fit_under_a_limit_of_twenty_thousand_descriptors() {
    const WATCHES: u32 = 50_000;
    const PROCESSES: u32 = 50;
    if !alone("watch::tests::scale::fifty_thousand_watches_fit_under_a_limit_of_twenty_thousand_descriptors")
    {
        return;
    }
    descriptors(20_000);
    let mut watcher = Watcher::new().unwrap();
    let children: Vec<_> = (0..PROCESSES).map(|_| Forked::idle()).collect();
    // Each watch has a pidfd of its own, as if each were of another process.
    for slot in 0..WATCHES {
        let child = &children[(slot % PROCESSES) as usize];
        watcher.watch_death(Pidfd::open(child.tgid()).unwrap().as_fd(), token(slot)).unwrap();
    }
    assert!(open_descriptors() < 20, "the watches need no descriptors");
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    let (first, rest) = children.split_first().unwrap();
    first.kill();
    assert!(dead(&mut watcher, WATCHES / PROCESSES).into_iter().eq((0..WATCHES).step_by(PROCESSES as usize)));
    rest.iter().for_each(Forked::kill);
    let others = (0..WATCHES).filter(|slot| slot % PROCESSES != 0);
    assert!(dead(&mut watcher, WATCHES - WATCHES / PROCESSES).into_iter().eq(others), "each watch once");
}

/// 400 processes by default, under a limit of 100 descriptors; `NOTIFIER_WATCH_PROCESSES` asks for more, and then the
/// limit is 20,000.
// Keeps: watch-scale
#[test]
fn a_storm_of_deaths_of_more_processes_than_descriptors_reports_each_once() {
    if !alone("watch::tests::scale::a_storm_of_deaths_of_more_processes_than_descriptors_reports_each_once") {
        return;
    }
    let asked = std::env::var("NOTIFIER_WATCH_PROCESSES").ok().and_then(|text| text.parse().ok());
    descriptors(if asked.is_some() { 20_000 } else { 100 });
    let processes: u32 = asked.unwrap_or(400);
    let mut watcher = Watcher::new().unwrap();
    let mut children = Vec::new();
    for slot in 0..processes {
        let child = Forked::idle();
        watcher.watch_death(Pidfd::open(child.tgid()).unwrap().as_fd(), token(slot)).unwrap();
        children.push(child);
    }
    assert_eq!(collect(&mut watcher, 1, A_WHILE), []);
    let begun = Instant::now();
    children.iter().for_each(Forked::kill);
    let reported = dead(&mut watcher, processes);
    let millis = begun.elapsed().as_millis();
    let missed = (0..processes).filter(|slot| reported.binary_search(slot).is_err()).count();
    let repeated = reported.len() - reported.iter().collect::<std::collections::BTreeSet<_>>().len();
    println!("counts deaths processes={processes} millis={millis} violations={}", missed + repeated);
    assert_eq!((missed, repeated), (0, 0));
}
