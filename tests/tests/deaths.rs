//! Every way to die: each ends with everything freed, and in time.
//!
//! The tests of this program run one at a time, because they measure. Bounds of a few milliseconds are held by the
//! median of several deaths, and of the best round of them: the machine may be shared.

use kfd_core::death::Cause;
use kfd_core::sync::{Mutex, MutexGuard};
use kfd_tests::daemon::PATIENCE;
use kfd_tests::tracer::Tracer;
use kfd_tests::{Actor, Kfdd, able, eventually, median, now, task};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// How long a parked client may take to be gone, or a killed one to be doomed.
const BOUND: Duration = Duration::from_millis(5);

/// A round beside somebody else's work is taken again. What is slow by itself is slow in each.
const ROUNDS: usize = 8;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A daemon, and the right to measure.
fn daemon() -> Option<(Kfdd, MutexGuard<'static, ()>)> {
    let turn = ONE_AT_A_TIME.lock();
    Kfdd::start().map(|kfdd| (kfdd, turn))
}

/// A client with a queue that has run, memory of both kinds and an event.
fn equipped(kfdd: &Kfdd) -> Actor {
    let mut client = kfdd.client();
    client.ok("queue 16");
    client.ok("run 0 2");
    client.ok("alloc vram 1048576");
    client.ok("alloc gtt 65536");
    client.ok("fill 0");
    client
}

/// Parks a thread of a client: asleep in the ioctl, and the daemon has the call. Answers its event.
fn park(kfdd: &Kfdd, client: &mut Actor) -> u64 {
    let (_, event) = client.park();
    let held = eventually(PATIENCE, || (kfdd.row(client).holds.parked == 1).then_some(()));
    assert!(held.is_some(), "the daemon holds the parked call");
    event
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

// Keeps: killed-parked
#[test]
fn a_client_killed_inside_wait_events_is_gone_within_5_ms() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let in_time = (0..ROUNDS).any(|_| {
        let mut took = Vec::new();
        for _ in 0..9 {
            let mut client = equipped(&kfdd);
            park(&kfdd, &mut client);
            took.push(client.kill());
            assert_eq!(kfdd.obituary(client.pid()).cause, Cause::Killed, "SIGKILL was seen pending");
        }
        println!("SIGKILL to the end of a parked client: {took:?}, median {:?}", median(took.clone()));
        median(took) < BOUND
    });
    assert!(in_time);
    kfdd.finish();
}

#[test]
fn a_client_killed_inside_wait_events_does_not_stay_in_d_state() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let in_time = (0..ROUNDS).any(|_| {
        let mut longest = Vec::new();
        for _ in 0..7 {
            let mut client = equipped(&kfdd);
            park(&kfdd, &mut client);
            let (pid, pidfd) = (client.pid(), client.pidfd());
            assert!(!task::is_stuck(pid), "a parked thread sleeps interruptibly");
            client.signal(Signal::SIGKILL);
            // The kernel's own FLUSH at close is an uninterruptible wait for its answer, a fraction of a millisecond.
            let (mut since, mut stuck) = (None, Duration::ZERO);
            let begun = Instant::now();
            while !task::has_ended(&pidfd, Duration::ZERO) {
                assert!(begun.elapsed() < PATIENCE, "the client does not die");
                if task::is_stuck(pid) {
                    stuck = stuck.max(since.get_or_insert_with(Instant::now).elapsed());
                } else {
                    since = None;
                }
            }
            longest.push(stuck);
            client.reap();
        }
        println!("longest stay in D state of each: {longest:?}");
        median(longest) < BOUND
    });
    assert!(in_time);
    kfdd.finish();
}

// Keeps: doom-first-sign
#[test]
fn a_client_with_a_gibibyte_of_touched_memory_is_doomed_within_5_ms_long_before_its_pidfd_fires() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let free = std::fs::read_to_string("/proc/meminfo").unwrap();
    let free = free.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap();
    if free.trim().trim_end_matches(" kB").parse::<u64>().unwrap() < 3 << 20 {
        able::skip("needs 3 GiB of free memory");
        return kfdd.finish();
    }
    let in_time = (0..ROUNDS).any(|_| {
        let (mut doomed, mut ended) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let mut client = equipped(&kfdd);
            client.ok("touch 1024");
            park(&kfdd, &mut client);
            let pidfd = client.pidfd();
            let killed = now();
            client.signal(Signal::SIGKILL);
            assert!(task::has_ended(&pidfd, PATIENCE));
            let fired = now();
            client.reap();
            let death = kfdd.obituary(client.pid());
            assert_eq!(death.cause, Cause::Killed);
            doomed.push(death.doomed_at.0 - killed);
            ended.push(fired - killed);
            println!(
                "SIGKILL of 1 GiB: doomed after {:.0} us, queues stopped {:.0}, answered {:.0}, unpublished {:.0}, pidfd \
                 after {:.0} us",
                micros(death.doomed_at.0 - killed),
                micros(death.stopped_at.0 - killed),
                micros(death.answered_at.0 - killed),
                micros(death.unpublished_at.0 - killed),
                micros(fired - killed),
            );
        }
        let (doomed, ended) = (median(doomed), median(ended));
        println!("medians: doomed {:.0} us, pidfd {:.0} us", micros(doomed), micros(ended));
        // Long before.
        u128::from(doomed) < BOUND.as_nanos() && ended > 4 * doomed
    });
    assert!(in_time);
    kfdd.finish();
}

// Keeps: death-frees-all
#[test]
fn a_client_killed_in_the_middle_of_a_batch_leaves_nothing() {
    let Some((kfdd, _turn)) = daemon() else { return };
    for _ in 0..5 {
        let mut client = equipped(&kfdd);
        client.ok("queue 64");
        client.ok("batch 1 40");
        assert!(eventually(PATIENCE, || (client.one("read-index 1") >= 1).then_some(())).is_some());
        client.kill();
        assert_eq!(kfdd.obituary(client.pid()).tgid.0, client.pid());
    }
    kfdd.finish();
}

// Keeps: elsewhere-teardown
#[test]
fn a_client_killed_while_it_floods_its_queue_leaves_nothing() {
    let Some((kfdd, _turn)) = daemon() else { return };
    for pause in [0, 1, 5, 20] {
        let mut client = equipped(&kfdd);
        client.ok("flood 0");
        std::thread::sleep(Duration::from_millis(pause));
        client.kill();
        assert_eq!(kfdd.obituary(client.pid()).tgid.0, client.pid());
    }
    kfdd.finish();
}

// Keeps: death-frees-all
#[test]
fn a_client_killed_before_its_first_ioctl_leaves_nothing() {
    let Some((kfdd, _turn)) = daemon() else { return };
    for _ in 0..5 {
        let mut client = kfdd.actor();
        client.ok("open-kfd");
        assert_eq!(kfdd.row(&client).files, 1);
        client.kill();
        assert_eq!(kfdd.obituary(client.pid()).tgid.0, client.pid());
        kfdd.actor().kill();
    }
    kfdd.finish();
}

#[test]
fn an_exec_that_closes_kfd_frees_the_old_life_and_the_new_one_starts_afresh() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let mut client = equipped(&kfdd);
    let before = kfdd.row(&client).process;
    client.ok("exec drop");
    let death = kfdd.obituary(client.pid());
    assert_eq!(death.process, before);
    assert!(matches!(death.cause, Cause::Exec | Cause::MmGone), "{death:?}");
    client.ok("open");
    let row = kfdd.row(&client);
    assert_ne!(row.process, before);
    assert_eq!(row.holds.queues, 0);
    client.ok("queue 16");
    client.ok("run 0 1");
    client.kill();
    kfdd.finish();
}

#[test]
fn an_exec_that_inherits_kfd_is_found_out_at_the_first_use_and_can_do_nothing_with_it() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let mut client = equipped(&kfdd);
    let before = kfdd.row(&client).process;
    client.ok("exec keep");
    let page = client.one("anon 4096");
    let mut wait = kfd_core::abi::kfd::WaitEvents { events_ptr: page, num_events: 1, ..Default::default() };
    let first = client.call("WAIT_EVENTS", &mut wait);
    assert!(matches!(first, Err(libc::EBADF | libc::EFAULT)), "{first:?}");
    let death = kfdd.obituary(client.pid());
    assert_eq!(death.process, before);
    let mut version = kfd_core::abi::kfd::GetVersion::default();
    assert_eq!(client.call("GET_VERSION", &mut version), Err(libc::EBADF));
    client.ok("open");
    assert_ne!(kfdd.row(&client).process, before);
    client.ok("queue 16");
    client.ok("run 0 1");
    client.kill();
    kfdd.finish();
}

// Keeps: odd-deaths
#[test]
fn a_client_whose_leader_exits_first_lives_on_and_dies_with_its_last_thread() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let mut client = equipped(&kfdd);
    let event = park(&kfdd, &mut client);
    client.ok("leader-exit");
    client.ok("run 0 3");
    client.ok(&format!("set {event}"));
    assert_eq!(client.one("woken"), 0);
    park(&kfdd, &mut client);
    assert_eq!(kfdd.row(&client).cause, None, "a leader's exit is no death");
    client.kill();
    assert_eq!(kfdd.obituary(client.pid()).tgid.0, client.pid());
    kfdd.finish();
}

// Keeps: odd-deaths
#[test]
fn a_stopped_client_that_is_killed_leaves_nothing() {
    let Some((kfdd, _turn)) = daemon() else { return };
    for parked in [true, false] {
        let mut client = equipped(&kfdd);
        if parked {
            park(&kfdd, &mut client);
        }
        client.signal(Signal::SIGSTOP);
        let pid = client.pid();
        assert!(eventually(PATIENCE, || (task::state(pid, pid) == Some('T')).then_some(())).is_some());
        assert_eq!(kfdd.row(&client).cause, None, "a stop is no death");
        client.kill();
        assert_eq!(kfdd.obituary(pid).tgid.0, pid);
    }
    kfdd.finish();
}

// Keeps: odd-deaths
#[test]
fn a_tracer_that_stalls_a_clients_death_does_not_stall_what_is_taken_back() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let mut client = equipped(&kfdd);
    park(&kfdd, &mut client);
    let pidfd = client.pidfd();
    let mut tracer = match Tracer::seize(client.pid()) {
        Ok(tracer) => tracer,
        Err(error) => {
            able::skip(&format!("needs PTRACE_SEIZE: {error}"));
            client.kill();
            return kfdd.finish();
        }
    };
    let killed = now();
    client.signal(Signal::SIGKILL);
    let death = kfdd.obituary(client.pid());
    assert!(!task::has_ended(&pidfd, Duration::from_millis(100)), "the tracer holds the death back");
    assert_eq!(death.cause, Cause::Killed);
    println!(
        "stalled by a tracer: doomed {:.0} us, freed {:.0} us after SIGKILL",
        micros(death.doomed_at.0 - killed),
        micros(death.freed_at.0 - killed)
    );
    tracer.let_go();
    assert!(task::has_ended(&pidfd, PATIENCE));
    client.reap();
    kfdd.finish();
}

// Keeps: odd-deaths
#[test]
fn a_forked_child_that_holds_the_mappings_does_not_keep_the_dead_parents_objects() {
    let Some((kfdd, _turn)) = daemon() else { return };
    let mut client = equipped(&kfdd);
    let child = u32::try_from(client.one("fork-hold")).unwrap();
    let child_fd = task::pidfd(child).unwrap();
    client.kill();
    let death = kfdd.obituary(client.pid());
    assert!(!task::has_ended(&child_fd, Duration::ZERO), "the child still holds what it inherited");
    assert!(death.freed_at.0 > 0);
    assert!(kfdd.queues().is_empty());
    // A new client comes and works beside what lingers.
    let mut next = equipped(&kfdd);
    next.kill();
    let child_pid = nix::unistd::Pid::from_raw(child.cast_signed());
    nix::sys::signal::kill(child_pid, Signal::SIGKILL).unwrap();
    assert!(task::has_ended(&child_fd, PATIENCE));
    kfdd.finish();
}
