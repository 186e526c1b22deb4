//! Calls: what goes in with them and what comes back.

use crate::client::Client;
use crate::script::Seen;
use crate::{CREATE_EVENT, GET_VERSION, WAIT, WAIT_EVENTS, served};
use kfd_core::call::{Done, Outcome};
use kfd_core::ids::RenderMinor;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

#[test]
fn ls_shows_the_tree_with_modes_everyone_can_use() {
    let served = served_or_skip!();
    let out = Command::new("ls").arg("-lnR").arg(served.dir.path()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text}");
    for needle in ["kfd", "dri", "renderD128", "-rw-rw-rw-", "drwxr-xr-x"] {
        assert!(text.contains(needle), "{needle} is missing in {text}");
    }
    for command in ["stat -f", "touch -c", "rm -f"] {
        let line = format!("{command} {}", served.kfd().display());
        let status = Command::new("sh").arg("-c").arg(line).status().unwrap();
        assert_eq!(status.success(), command != "rm -f", "{command}");
    }
}

// Keeps: ras-root-only
#[test]
fn an_order_for_an_error_reaches_the_driver_and_its_refusal_comes_back() {
    let served = served_or_skip!();
    let control = served.dir.path().join("ras/renderD128");
    let write = |text: &str| {
        let script = format!("printf '{text}' > {}", control.display());
        Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(write("inject umc ue 0 0"));
    let ordered = served.expect("an order", |seen| match seen {
        Seen::Ordered(minor, command) => Some((*minor, command.clone())),
        _ => None,
    });
    assert_eq!(ordered, (RenderMinor(128), b"inject umc ue 0 0".to_vec()));
    assert!(!write("nonsense"));
    let nobody = Command::new("sh")
        .args(["-c", &format!("echo x > {}", control.display())])
        .stderr(Stdio::null())
        .uid(65534)
        .status()
        .unwrap();
    assert!(!nobody.success(), "debugfs is root's");
    let seen = served.drain();
    assert_eq!(seen, [Seen::Ordered(RenderMinor(128), b"nonsense".to_vec())]);
}

#[test]
fn a_call_comes_back_with_its_struct() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    assert_eq!(client.tell(&format!("ioctl {fd} {GET_VERSION} 0000000000000000")), "ret 0 0100000012000000");
}

#[test]
fn a_refused_call_brings_its_struct_back_too() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let answer = client.tell(&format!("ioctl {fd} {CREATE_EVENT} {}", "00".repeat(32)));
    assert_eq!(answer, format!("err {} ab{}", libc::EINVAL, "00".repeat(31)));
}

// Keeps: unknown-call
#[test]
fn unknown_calls_are_enotty_and_touch_nothing() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    // K 0x7f, TCGETS, and a directory-less magic with a struct of 16,383 bytes.
    for (cmd, bytes) in [("c0084b7f", 8), ("00005401", 0), ("ffff0001", 0x3fff)] {
        let answer = client.tell(&format!("ioctl {fd} {cmd} {}", "11".repeat(bytes)));
        assert_eq!(answer, format!("err {} {}", libc::ENOTTY, "11".repeat(bytes)).trim_end());
    }
}

// Keeps: struct-size
#[test]
fn a_smaller_or_larger_struct_is_cut_or_filled_as_the_kernel_does() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    // GET_VERSION with 4 and with 16 bytes.
    assert_eq!(client.tell(&format!("ioctl {fd} 80044b01 00000000")), "ret 0 01000000");
    let answer = client.tell(&format!("ioctl {fd} 80104b01 {}", "00".repeat(16)));
    assert_eq!(answer, format!("ret 0 0100000012000000{}", "00".repeat(8)));
}

#[test]
fn what_pointers_point_at_is_gathered_and_scattered() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let at: u64 = client.tell(&format!("address {}", "0f".repeat(48))).parse().unwrap();
    let wait = |at: u64| {
        let address: String = at.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("ioctl {fd} {WAIT_EVENTS} {address}01000000000000000000000000000000")
    };
    let answer = client.tell(&wait(at));
    assert!(answer.starts_with("ret 0"), "{answer}");
    assert_eq!(client.tell(&format!("peek {at}")), "f0".repeat(48));
    assert!(client.tell(&wait(0xdead_0000)).starts_with(&format!("err {}", libc::EFAULT)));
    assert_eq!(served.door.census().calls, 0);
}

#[test]
fn a_parked_call_is_completed_from_another_thread() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    client.tell(&format!("park {fd} {WAIT_EVENTS} {WAIT}"));
    let call = served.parked();
    let (caller, arg) = served.script.take_parked(call).unwrap();
    assert_ne!(caller.tid.0, caller.tgid.0);
    served.door.complete(call, caller.process, Outcome::Done(Done::new(arg)));
    assert_eq!(client.hear(), format!("ret 0 {WAIT}"));
    assert_eq!(served.door.census().calls, 0);
}

#[test]
#[ignore = "prints figures; run with --release --nocapture"]
fn figures() {
    let served = served_or_skip!();
    let mut client = Client::start();
    let fd = client.open(&served.kfd());
    let at: u64 = client.tell(&format!("address {}", "0f".repeat(48))).parse().unwrap();
    let address: String = at.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let counters = "00".repeat(40);
    let wait = format!("{address}01000000000000000000000000000000");
    for (what, cmd, bytes, rounds) in [
        ("refused by the door (bare echo)", "c0084b7f", "00".repeat(8).as_str(), 100_000),
        ("GET_CLOCK_COUNTERS", "c0284b05", &counters, 100_000),
        ("WAIT_EVENTS, gathered and scattered by threads made for it", WAIT_EVENTS, &wait, 5_000),
    ] {
        client.tell(&format!("bench {fd} {cmd} {bytes} 2000"));
        let nanos = client.tell(&format!("bench {fd} {cmd} {bytes} {rounds}"));
        println!("{what}: {nanos} ns a call");
    }
    for path in [served.kfd(), served.render()] {
        let nanos = client.tell(&format!("bench_open {} 2000", path.display()));
        println!("open and close of {path:?}: {nanos} ns");
    }
    client.tell(&format!("map {fd} 0 4096"));
    let process = served.opened();
    let (mut seen, mut whole, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2000 {
        let answer = client.tell("timed_store 0 0 1");
        let (before, after) = answer.split_once(' ').unwrap();
        let (before, after): (i64, i64) = (before.parse().unwrap(), after.parse().unwrap());
        seen.push(served.trapped().2 - before);
        whole.push(after - before);
        let start = Instant::now();
        served.door.rearm(process, 0, 4096);
        dropped.push(start.elapsed().as_nanos() as i64);
    }
    for (what, mut times) in [("store to trap", seen), ("whole trap", whole), ("re-arming", dropped)] {
        times.sort_unstable();
        println!("{what}: median {} ns, p99 {} ns", times[1000], times[1980]);
    }
}
