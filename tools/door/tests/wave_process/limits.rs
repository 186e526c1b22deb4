//! What a worker has of the machine, and what it does not get.

use crate::kernels;
use crate::player::{Ended, Player, limits};
use crate::pool::{Pool, Worker};
use door::wave_workers::wire::{Run, Why};
use std::collections::BTreeSet;
use std::fs::read_to_string;

/// What follows a name in a file of lines `Name: value`.
fn field(text: &str, name: &str) -> String {
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    line.trim().to_owned()
}

fn empty(worker: &mut Worker) -> Ended {
    let run = worker.player.kernel(kernels::EMPTY, &[]);
    worker.player.run(run)
}

// Keeps: wave-worker-confined
#[test]
fn a_worker_has_its_socket_its_arena_and_no_rights() {
    let pool = Pool::start();
    let mut worker = pool.live(1);
    assert_eq!(empty(&mut worker), Ended::Done);
    let pid = worker.born().pid;
    let of = |what: &str| {
        read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_else(|error| panic!("{what}: {error}"))
    };

    let fds: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("its descriptors")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| std::fs::read_link(entry.path()).expect("a link").to_string_lossy().into_owned())
        .collect();
    assert!(matches!(&fds[..], [only] if only.starts_with("socket:")), "{fds:?}");

    let tasks: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").collect();
    assert_eq!(tasks.len(), 2);
    for task in tasks {
        let status = read_to_string(task.expect("an entry").path().join("status")).expect("a status");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(&status, set), "0000000000000000", "{set}");
        }
        assert_eq!((field(&status, "NoNewPrivs:"), field(&status, "Seccomp:")), ("1".into(), "2".into()));
        if nix::unistd::Uid::effective().is_root() {
            assert_eq!(field(&status, "Uid:"), "65534\t65534\t65534\t65534");
            assert_eq!(field(&status, "Gid:"), "65534\t65534\t65534\t65534");
            assert_eq!(field(&status, "Groups:"), "");
        }
    }

    let limits = of("limits");
    let limit = |name: &str| {
        let values = field(&limits, name);
        let mut values = values.split_whitespace().map(str::to_owned);
        (values.next().expect("soft"), values.next().expect("hard"))
    };
    let both = |value: &str| (value.to_owned(), value.to_owned());
    assert_eq!(limit("Max data size"), both("134217728"));
    assert_eq!(limit("Max core file size"), both("0"));
    assert_eq!(limit("Max open files"), both("3"));
    assert_eq!(of("oom_score_adj").trim(), "900");
    let stat = of("stat");
    let nice =
        stat.rsplit_once(") ").expect("a name").1.split(' ').nth(16).expect("proc(5), field 19").to_owned();
    assert_eq!(nice, "10");

    // What is shared with others: the arena's two windows and the page of epochs.
    let maps = of("maps");
    let mut shared = BTreeSet::new();
    for line in maps.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (range, rights, name) = (columns[0], columns[1], columns.get(5).copied().unwrap_or_default());
        assert!(!(rights.contains('w') && rights.contains('x')), "{line}");
        if rights.ends_with('s') {
            let (start, end) = range.split_once('-').expect("a range");
            let at = |text| u64::from_str_radix(text, 16).expect("hex");
            shared.insert((rights.to_owned(), at(end) - at(start), name.to_owned()));
        }
    }
    let name = "/memfd:player".to_owned();
    let mut expected = BTreeSet::from([("r--s".to_owned(), 4096, name.clone())]);
    // The kernel may join windows that lie side by side.
    let windows: u64 = shared.iter().filter(|(rights, ..)| rights == "rw-s").map(|(_, len, _)| *len).sum();
    assert!(windows == 8 << 30 || windows == 4 << 30, "{shared:?}");
    expected.extend(shared.iter().filter(|(rights, _, of)| rights == "rw-s" && *of == name).cloned());
    assert_eq!(shared, expected);
}

/// A dispatch whose state takes what a worker does not have.
fn greedy(player: &mut Player) -> Run {
    let run = player.kernel(kernels::FOREVER, &[]);
    // 64 lanes with 64 KiB each, a thousand times.
    Run { private_segment: 64 << 10, grid: [64_000, 1, 1], ..run }
}

// Keeps: wave-worker-confined
#[test]
fn a_dispatch_beyond_its_workers_memory_ends_and_no_other_clients_does() {
    // More is told than there is: the worker finds out by the kernel.
    let pool = Pool::with(door::wave_workers::Limits { memory: 4 << 30, ..limits(2) }, 64 << 20);
    let [mut first, mut second] = [pool.live(1), pool.live(2)];
    let run = greedy(&mut first.player);
    first.player.order(run);
    assert_eq!(first.player.end_of_all(), []);
    first.awaits_its_end();
    assert_eq!(empty(&mut second), Ended::Done);

    // One group alone is too much.
    let run = greedy(&mut second.player);
    let Ended::Error { why, .. } = second.player.run(Run { private_segment: 1 << 30, ..run }) else {
        panic!("it has no room")
    };
    assert_eq!(why, Why::Resources);
    assert_eq!(empty(&mut second), Ended::Done);
}
