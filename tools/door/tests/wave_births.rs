//! Births and deaths of wave workers leave nothing. A program of its own, whose descriptors nobody else opens.

#[path = "wave_worker/kernels.rs"]
#[allow(dead_code, reason = "the worker's own tests use all of it")]
mod kernels;
#[path = "wave_worker/player.rs"]
#[allow(dead_code, reason = "the worker's own tests use all of it")]
mod player;
#[path = "wave_process/pool.rs"]
#[allow(dead_code, reason = "the process's own tests use all of it")]
mod pool;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use player::Ended;
use pool::{Pool, children, descriptors, eventually, is_there};

// Keeps: wave-worker-zygote
#[test]
fn two_hundred_births_and_deaths_leave_no_process_and_no_descriptor() {
    let pool = Pool::start();
    drop(pool.live(1));
    let zygote = pool.zygote();
    let mut pids = Vec::new();
    eventually("the first ends", || children(zygote).is_empty());
    let before = (descriptors(Pid::this()), descriptors(zygote));
    for round in 0..200_u32 {
        let mut worker = pool.live(round);
        match round % 3 {
            0 => {
                let run = worker.player.kernel(kernels::EMPTY, &[]);
                assert_eq!(worker.player.run(run), Ended::Done);
            }
            1 => worker.born().pidfd.send_signal(Signal::SIGKILL).expect("it is there"),
            _ => {
                let run = worker.player.kernel(kernels::FOREVER, &[]);
                worker.player.order(run);
            }
        }
        pids.push(worker.born().pid);
    }
    eventually("all are reaped", || children(zygote).is_empty());
    assert!(pids.iter().all(|pid| !is_there(*pid)));
    assert_eq!((descriptors(Pid::this()), descriptors(zygote)), before);
    drop(pool);
    assert!(!is_there(zygote.as_raw().cast_unsigned()));
}
