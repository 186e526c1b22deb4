//! `kfdctl topology` and `kfdctl top`, against a daemon.

use kfd_tests::program::program;
use kfd_tests::{Kfdd, eventually, task};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn printed(command: &mut Command) -> String {
    let out = command.output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// A running `top`, ended with the test.
struct Top(Child);

impl Top {
    fn start(kfdd: &Kfdd, arguments: &[&str]) -> Self {
        let mut command = kfdd.kfdctl(&["top"]);
        Self(command.args(arguments).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Its exit code, once it has ended.
    fn code(&mut self) -> Option<i32> {
        eventually(PATIENCE, || self.0.try_wait().unwrap()).expect("it ends").code()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

// Keeps: topology
#[test]
fn the_topology_of_a_daemon_is_that_of_its_profile() {
    let kfdd = Kfdd::start_as(|mut command| {
        command.args(["--profile", "gfx942", "--gpus", "3"]);
        command
    });
    let Some(kfdd) = kfdd else { return };
    let asked = printed(&mut kfdd.kfdctl(&["topology", "--json"]));
    let told: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!((&told["profile"], &told["gpus"]), (&"gfx942".into(), &3.into()));
    let mut named = Command::new(program("kfdctl"));
    named.args(["topology", "--json", "--profile", "gfx942", "--gpus", "3"]);
    let named: Value = serde_json::from_str(&printed(&mut named)).unwrap();
    // What the processor's own clock or memory is may be told by the one and the other at different moments.
    assert_eq!(told["nodes"].as_array().unwrap()[1..], named["nodes"].as_array().unwrap()[1..]);
    for node in &told["nodes"].as_array().unwrap()[1..] {
        let render = node["render"].as_str().unwrap();
        assert!(kfdd.dev().join("dri").join(render).exists(), "{render} is served");
    }
    let table = printed(&mut kfdd.kfdctl(&["topology"]));
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[..2], ["gfx942: 3 devices", ""]);
    assert!(lines[2].starts_with("NODE") && lines.len() == 3 + 4, "{table}");
    assert!(lines[4].contains("gfx942") && lines[4].ends_with("pcie 0  xgmi 2-3"), "{table}");
    kfdd.finish();
}

// Keeps: top-rates, top-ends
#[test]
fn top_tells_each_processs_packets_per_second_with_its_queues() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut busy, mut idle) = (kfdd.client(), kfdd.client());
    for client in [&mut busy, &mut idle] {
        client.ok("queue 64");
        client.ok("run 0 1");
    }
    let mut top = Top::start(&kfdd, &["--json", "--interval", "0.5"]);
    let mut lines = BufReader::new(top.0.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let first = next();
    assert_eq!((&first["seconds"], &first["packets_per_second"]), (&Value::Null, &Value::Null));
    assert_eq!(first["processes"].as_array().unwrap().len(), 2);
    for _ in 0..20 {
        busy.ok("run 0 10");
    }
    // The packets may lie on both sides of a refresh.
    let (mut done, mut frames) = (0.0, 0);
    while done < 199.5 {
        let frame = next();
        let seconds = frame["seconds"].as_f64().unwrap();
        done += frame["packets_per_second"].as_f64().unwrap() * seconds;
        frames += 1;
        assert!(frames < 40, "{frame}");
        for process in frame["processes"].as_array().unwrap() {
            let rate = process["packets_per_second"].as_f64().unwrap();
            let is_idle = process["tgid"] == idle.pid();
            assert!(!is_idle || rate == 0.0, "{process}");
            assert_eq!(process["queues"][0]["packets_per_second"], process["packets_per_second"]);
            assert_eq!(process["queues"][0]["packets"], process["packets"]);
        }
    }
    assert!((done - 200.0).abs() < 0.5, "{done} packets");
    top.signal(Signal::SIGINT);
    assert_eq!(top.code(), Some(0));
    assert!(lines.all(|line| serde_json::from_str::<Value>(&line.unwrap()).is_ok()), "no line is cut");
    busy.kill();
    idle.kill();
    kfdd.finish();
}

// Keeps: top-rates
#[test]
fn top_once_is_one_listing_with_the_rates_of_one_interval() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    client.ok("queue 16");
    client.ok("run 0 3");
    let started = Instant::now();
    let text = printed(&mut kfdd.kfdctl(&["top", "--once", "--interval", "0.3"]));
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(!text.contains('\x1b'), "standard output is no terminal: {text}");
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("1 process, 2 queues, 0 packets/s"), "{text}");
    assert_eq!(lines.len(), 2 + 1 + 2, "{text}");
    client.kill();
    kfdd.finish();
}

// Keeps: top-ends
#[test]
fn top_sleeps_between_refreshes_and_ends_with_its_reader_and_with_its_daemon() {
    let Some(kfdd) = Kfdd::start() else { return };
    // Asleep: some switches for each refresh, and no more of them.
    let mut top = Top::start(&kfdd, &["--interval", "0.5"]);
    let mut reader = BufReader::new(top.0.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.ends_with("packets/s\n"), "{line}");
    let sleeps = || task::sleeps(top.0.id()).iter().map(|(.., count)| count).sum::<u64>();
    let before = sleeps();
    std::thread::sleep(Duration::from_secs(2));
    let slept = sleeps() - before;
    println!("{slept} sleeps in 2 s of 4 refreshes");
    assert!(slept < 60, "{slept} sleeps");
    drop(reader);
    assert_eq!(top.code(), Some(0), "nobody reads any more");
    let mut top = Top::start(&kfdd, &["--interval", "0.1"]);
    let mut reader = BufReader::new(top.0.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    kfdd.finish();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(top.code(), Some(1), "there is no daemon any more");
}

// Keeps: top-ends
#[test]
fn a_signal_ends_top_though_nobody_reads_what_it_writes() {
    let Some(kfdd) = Kfdd::start() else { return };
    let mut client = kfdd.client();
    client.ok("queue 16");
    let mut top = Top::start(&kfdd, &["--json", "--interval", "0.1"]);
    let unread = top.0.stdout.take().unwrap();
    // A page, which a few refreshes fill.
    fcntl(&unread, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let full = || {
        let before = task::sleeps(top.0.id());
        std::thread::sleep(Duration::from_millis(500));
        (task::sleeps(top.0.id()) == before).then_some(())
    };
    assert!(eventually(PATIENCE, full).is_some(), "it waits for room and does nothing else");
    top.signal(Signal::SIGTERM);
    assert_eq!(top.code(), Some(0));
    drop(unread);
    client.kill();
    kfdd.finish();
}
