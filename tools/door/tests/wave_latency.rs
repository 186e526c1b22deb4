//! How long a wave worker takes: to be born, for an empty dispatch, for a question. Run by hand, on a quiet machine:
//! `cargo test --release -p door --test wave_latency -- --ignored --nocapture`.

#[path = "wave_worker/kernels.rs"]
#[allow(dead_code, reason = "the worker's own tests use all of it")]
mod kernels;
#[path = "wave_worker/player.rs"]
#[allow(dead_code, reason = "the worker's own tests use all of it")]
mod player;
#[path = "wave_process/pool.rs"]
#[allow(dead_code, reason = "the process's own tests use all of it")]
mod pool;

use door::wave_workers::wire::Run;
use kfd_core::dispatch::Wish;
use kfd_core::waves::{Place, WaveSpan as Span};
use player::{Ended, FAR, OWN, Player, Told};
use pool::{Pool, children, eventually};
use std::time::{Duration, Instant};

/// The least, the median, the 99th percentile and the worst of so many times.
fn times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    let [least, p50, p99, most] = [0, 50, 99, 100].map(at);
    println!("{what}: least {least:?}, p50 {p50:?}, p99 {p99:?}, most {most:?} of {}", times.len());
}

/// An empty kernel whose code lies in memory of its own, as a loader puts it: its name is not looked for in all the rest.
fn apart(player: &mut Player) -> Run {
    const CODE: u64 = 0x6_0000_0000;
    let run = player.kernel(kernels::EMPTY, &[]);
    let Place::Own(own) = player.spans[0].place else { panic!("the first is the arena's") };
    let at = run.kernel_object - OWN;
    let (page, skip) = (at & !0xfff, at & 0xfff);
    player.spans.push(Span {
        start: CODE,
        len: 0x2000,
        writable: false,
        executable: true,
        place: Place::Own(own + page),
    });
    Run { kernel_object: CODE + skip, ..run }
}

#[test]
#[ignore = "measures; by hand"]
fn births() {
    let pool = Pool::start();
    let mut born = Vec::new();
    let mut ended = Vec::new();
    for slot in 0..300 {
        let start = Instant::now();
        let mut worker = pool.make(slot);
        born.push(start.elapsed());
        let run = apart(&mut worker.player);
        assert_eq!(worker.player.run(run), Ended::Done);
        ended.push(start.elapsed());
        drop((pool.born(), worker));
        eventually("it ends", || children(pool.zygote()).is_empty());
    }
    times("make, on the caller's thread, a memfd of the player's included", born);
    times("birth: make to the end of an empty dispatch", ended);
}

#[test]
#[ignore = "measures; by hand"]
fn dispatches() {
    let pool = Pool::start();
    let mut worker = pool.live(1);
    let run = worker.player.kernel(kernels::EMPTY, &[]);
    let mut round = || {
        let start = Instant::now();
        assert_eq!(worker.player.run(run), Ended::Done);
        start.elapsed()
    };
    for _ in 0..1000 {
        round();
    }
    times("empty dispatch: Run sent to Over received", (0..20_000).map(|_| round()).collect());
}

#[test]
#[ignore = "measures; by hand"]
fn questions() {
    const ROUNDS: usize = 20_000;
    let pool = Pool::start();
    let mut worker = pool.live(1);
    let player = &mut worker.player;
    let each = |player: &mut Player, what: &str, run, is_one: fn(&Told) -> bool| {
        let ticket = player.order(run);
        let (start, mut count) = (Instant::now(), 0);
        while count < ROUNDS {
            assert_eq!(player.wait_for_word(), None);
            count += player.told.drain(..).filter(is_one).count();
        }
        println!("{what}: {:?} each of {ROUNDS}", start.elapsed() / ROUNDS as u32);
        player.wish(ticket, Wish::Cancel);
        assert_eq!(player.end(), (ticket, Ended::Cancelled));
    };
    let run = player.kernel(kernels::FOLLOW, &[FAR, OWN]);
    each(player, "a load of the daemon's memory", run, |told| matches!(told, Told::Far(_)));
    // Each answer is void when it comes.
    let run = player.kernel(kernels::FOLLOW, &[OWN, OWN + 4096]);
    player.moves = true;
    each(player, "a translation", run, |told| matches!(told, Told::Translate(_)));
}
