//! Wave workers as processes: how they are born, what they have, and how they die; the test plays the daemon.

#[path = "../wave_worker/kernels.rs"]
#[allow(dead_code, reason = "the worker's own tests use all of it")]
mod kernels;
mod limits;
#[path = "../wave_worker/player.rs"]
#[allow(dead_code, reason = "the worker's own tests use all of it")]
mod player;
#[allow(dead_code, reason = "another test counts descriptors")]
mod pool;

use door::wave_workers::Told;
use nix::sys::signal::{Signal, kill};
use player::Ended;
use pool::{Pool, Worker, children, eventually, is_there};

// Keeps: wave-worker-process
#[test]
fn orders_that_are_sent_before_a_worker_is_born_are_carried_out() {
    let pool = Pool::start();
    let mut worker = pool.make(1);
    let (from, to) = (worker.player.place(&[5; 256]), worker.player.place(&[0; 256]));
    let run = worker.player.kernel(kernels::COPY, &[from, to]);
    let ticket = worker.player.order(run);
    let born = pool.born();
    assert_eq!((born.process, is_there(born.pid)), (pool::process(1), true));
    assert_eq!(worker.player.end(), (ticket, Ended::Done));
    assert_eq!(worker.player.read(to, 256), [5; 256]);
}

// Keeps: wave-worker-process
#[test]
fn a_worker_that_is_killed_is_told_by_its_pidfd_and_its_socket_and_others_go_on() {
    let pool = Pool::start();
    let [mut first, mut second] = [pool.live(1), pool.live(2)];
    let forever = first.player.kernel(kernels::FOREVER, &[]);
    first.player.order(forever);
    first.born().pidfd.send_signal(Signal::SIGKILL).expect("it is there");
    first.awaits_its_end();
    let run = second.player.kernel(kernels::EMPTY, &[]);
    assert_eq!(second.player.run(run), Ended::Done);

    // Its client gets another.
    let mut third = pool.live(1);
    let run = third.player.kernel(kernels::EMPTY, &[]);
    assert_eq!(third.player.run(run), Ended::Done);
}

// Keeps: wave-worker-process
#[test]
fn a_worker_ends_with_its_socket_and_with_an_order_that_is_none() {
    let pool = Pool::start();
    let worker = pool.live(1);
    let Worker { player, born } = worker;
    drop(player);
    let born = born.expect("it was born");
    eventually("the worker ends", || born.pidfd.has_ended().expect("a poll"));

    let worker = pool.live(2);
    worker.says_nonsense();
    worker.awaits_its_end();
}

// Keeps: wave-worker-zygote
#[test]
fn with_the_zygote_all_workers_die_and_another_makes_new_ones() {
    let pool = Pool::start();
    let workers = [1, 2, 3].map(|slot| pool.live(slot));
    let zygote = pool.zygote();
    // One is ordered and never born.
    kill(zygote, Signal::SIGSTOP).expect("it is there");
    let unborn = pool.make(4);
    kill(zygote, Signal::SIGKILL).expect("it is there");
    assert!(matches!(pool.told(), Told::Died));
    let Told::Failed { process, .. } = pool.told() else { panic!("it is not told") };
    assert_eq!(process, pool::process(4));
    for worker in &workers {
        worker.awaits_its_end();
    }
    unborn.player.is_hung_up();
    assert!(pool.workers.with_descriptor(|_| ()).is_none());
    let refused = pool.workers.make(pool::process(5), player::memfd(0), player::memfd(4096));
    assert_eq!(refused.err().map(|error| error.kind()), Some(std::io::ErrorKind::NotConnected));

    pool.workers.restart().expect("another zygote");
    assert_ne!(pool.zygote(), zygote);
    let mut worker = pool.live(6);
    let run = worker.player.kernel(kernels::EMPTY, &[]);
    assert_eq!(worker.player.run(run), Ended::Done);
    eventually("the first zygote is reaped", || {
        pool.workers.told().is_none() && !is_there(zygote.as_raw().cast_unsigned())
    });
}

// Keeps: wave-worker-zygote
#[test]
fn more_workers_than_the_zygotes_socket_takes_at_once_are_all_made() {
    let pool = Pool::start();
    let zygote = pool.zygote();
    kill(zygote, Signal::SIGSTOP).expect("it is there");
    let workers: Vec<Worker> = (0..300).map(|slot| pool.make(slot)).collect();
    kill(zygote, Signal::SIGCONT).expect("it is there");
    let mut born: Vec<u32> = (0..300).map(|_| pool.born().process.slot).collect();
    born.sort_unstable();
    assert_eq!(born, (0..300).collect::<Vec<_>>());
    drop(workers);
    eventually("all end", || children(zygote).is_empty());
}
