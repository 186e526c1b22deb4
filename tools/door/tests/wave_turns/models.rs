//! What daemon and dispatches do in a model, and what must come of it.

use crate::sync::{Condvar, Instant, Mutex, now, wait};
use crate::turns::{News, Patience, Turned, Turns, Work};
use kfd_core::dispatch::Wish;
use shuttle::thread;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub type Model = fn();

pub const MODELS: &[(&str, Model)] = &[
    ("questions", questions),
    ("withheld", withheld),
    ("overtaken", overtaken),
    ("paused", paused),
    ("asleep", asleep),
    ("long turn", long_turn),
    ("all at once", all_at_once),
    ("parts", in_parts),
    ("parts cancelled", parts_cancelled),
    ("split cancelled", split_cancelled),
];

/// A dispatch: what it does in each of its turns.
#[derive(Clone, Copy)]
struct Script {
    /// Turns until it ends by itself.
    turns: u64,
    /// Questions in a turn.
    asks: u64,
    /// Looks at the clock for which it sleeps after a turn; 0: it does not.
    naps: u64,
    /// Its turns last until dispatch 2 has ended.
    lasts: bool,
    /// Parts into which it is split after its next turn, itself among them.
    parts: u64,
}

const ONE: Script = Script { turns: 1, asks: 0, naps: 0, lasts: false, parts: 1 };
const FOREVER: u64 = u64::MAX;
/// The dispatch that is split where one is.
const SPLIT: u64 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Asks(u64),
    Over(u64, Wish),
}

/// A queue of messages in order.
struct Pipe<T> {
    queue: Mutex<VecDeque<T>>,
    bell: Condvar,
}

impl<T> Pipe<T> {
    fn new() -> Self {
        Self { queue: Mutex::new(VecDeque::new()), bell: Condvar::new() }
    }

    fn send(&self, message: T) {
        self.queue.lock().push_back(message);
        self.bell.notify_one();
    }

    fn receive(&self) -> T {
        let mut queue = self.queue.lock();
        loop {
            if let Some(message) = queue.pop_front() {
                return message;
            }
            queue = wait(&self.bell, queue, None);
        }
    }

    fn try_receive(&self) -> Option<T> {
        self.queue.lock().pop_front()
    }
}

struct World {
    turns: Turns<Script, u64>,
    orders: Pipe<News<Script, u64>>,
    claims: Pipe<Said>,
    requests: AtomicU64,
    /// Turns of dispatch 1.
    taken: AtomicU64,
    /// Parts of the split dispatch that are not over, without one.
    others: AtomicU64,
    /// Whether dispatch 2 has ended.
    second: Mutex<bool>,
    second_ended: Condvar,
}

impl Work for World {
    type Job = Script;
    type Answer = u64;

    fn listen(&self, patience: Patience) -> News<Script, u64> {
        let news = match patience {
            Patience::Forever => Some(self.orders.receive()),
            Patience::None => self.orders.try_receive(),
            Patience::Until(_) => {
                thread::yield_now();
                self.orders.try_receive()
            }
        };
        // It takes a while until what was received is taken in.
        thread::yield_now();
        match news {
            Some(News::End) => {
                // The end stays.
                self.orders.send(News::End);
                News::End
            }
            Some(news) => news,
            None => News::Silence,
        }
    }
}

impl World {
    fn turn(&self, seat: usize, ticket: u64, job: &mut Script, wish: Wish) -> Turned<Script> {
        if ticket == 1 {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        if wish == Wish::Cancel {
            return self.over(ticket, Wish::Cancel);
        }
        for _ in 0..job.asks {
            let request = self.requests.fetch_add(1, Ordering::Relaxed);
            self.turns.asks(seat, request);
            self.claims.send(Said::Asks(request));
            match self.turns.answer(seat, request, self) {
                Some(answer) => assert_eq!(answer, request + 1000),
                None => return Turned::More,
            }
        }
        if job.lasts {
            let mut ended = self.second.lock();
            while !*ended {
                ended = wait(&self.second_ended, ended, None);
            }
        }
        job.turns -= 1;
        if job.turns == 0 {
            if ticket == 2 {
                *self.second.lock() = true;
                self.second_ended.notify_one();
            }
            return self.over(ticket, Wish::Run);
        }
        if job.parts > 1 {
            let others = job.parts - 1;
            job.parts = 1;
            thread::yield_now();
            self.others.fetch_add(others, Ordering::Relaxed);
            return Turned::Split((0..others).map(|_| *job).collect());
        }
        if job.naps > 0 {
            return Turned::Sleeps(Instant(now().0.saturating_add(job.naps)));
        }
        thread::yield_now();
        Turned::More
    }

    /// A part is over; the last one says so. Only one dispatch of a model is split.
    fn over(&self, ticket: u64, how: Wish) -> Turned<Script> {
        let others =
            || self.others.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if ticket != SPLIT || others().is_err() {
            self.claims.send(Said::Over(ticket, how));
        }
        Turned::Over
    }

    fn run(&self, ticket: u64, script: Script) {
        self.orders.send(News::Run(ticket, script));
    }

    fn wish(&self, ticket: u64, wish: Wish) {
        self.orders.send(News::Wish(ticket, wish));
    }

    fn answer(&self, request: u64) {
        self.orders.send(News::Answer(request, request + 1000));
    }

    /// The next end; questions are answered.
    fn end(&self) -> (u64, Wish) {
        loop {
            match self.claims.receive() {
                Said::Asks(request) => self.answer(request),
                Said::Over(ticket, how) => return (ticket, how),
            }
        }
    }

    /// So many dispatches end by themselves, of these.
    fn all_end(&self, tickets: impl Iterator<Item = u64>) {
        let mut left: Vec<u64> = tickets.collect();
        while !left.is_empty() {
            let (ticket, how) = self.end();
            let at = left.iter().position(|known| *known == ticket);
            left.swap_remove(at.expect("each ends once"));
            assert_eq!(how, Wish::Run);
        }
    }
}

/// A worker of so many threads, and what the daemon does.
fn with(threads: usize, daemon: impl FnOnce(&World)) {
    let world = Arc::new(World {
        turns: Turns::new(threads),
        orders: Pipe::new(),
        claims: Pipe::new(),
        requests: AtomicU64::new(1),
        taken: AtomicU64::new(0),
        others: AtomicU64::new(0),
        second: Mutex::new(false),
        second_ended: Condvar::new(),
    });
    let workers: Vec<_> = (0..threads)
        .map(|seat| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.turns.work(seat, &*world, |ticket, job, wish, _| world.turn(seat, ticket, job, wish));
            })
        })
        .collect();
    daemon(&world);
    world.orders.send(News::End);
    for worker in workers {
        worker.join().expect("no panic");
    }
}

/// Dispatches that ask, on as many threads and on fewer.
fn questions() {
    for threads in [1, 2, 3] {
        with(threads, |world| {
            for ticket in 1..=3 {
                world.run(ticket, Script { turns: 2, asks: 2, naps: 0, lasts: false, parts: 1 });
            }
            world.all_end(1..=3);
        });
    }
}

/// A question is answered only after another dispatch, ordered meanwhile, has ended.
fn withheld() {
    with(2, |world| {
        world.run(1, Script { turns: 1, asks: 1, naps: 0, lasts: false, parts: 1 });
        let Said::Asks(request) = world.claims.receive() else { panic!("it asks first") };
        world.run(2, Script { turns: 2, asks: 0, naps: 0, lasts: false, parts: 1 });
        assert_eq!(world.claims.receive(), Said::Over(2, Wish::Run));
        world.answer(request);
        world.all_end(1..=1);
    });
}

/// Each wish comes right after its order, while others ask.
fn overtaken() {
    with(3, |world| {
        world.run(1, Script { turns: 2, asks: 2, naps: 0, lasts: false, parts: 1 });
        world.run(2, Script { turns: 2, asks: 2, naps: 0, lasts: false, parts: 1 });
        for ticket in 3..6 {
            world.run(ticket, Script { turns: FOREVER, asks: 0, naps: 0, lasts: false, parts: 1 });
            world.wish(ticket, Wish::Cancel);
        }
        let mut ended: Vec<_> = (0..5).map(|_| world.end()).collect();
        ended.sort_unstable_by_key(|(ticket, _)| *ticket);
        let expected =
            [(1, Wish::Run), (2, Wish::Run), (3, Wish::Cancel), (4, Wish::Cancel), (5, Wish::Cancel)];
        assert_eq!(ended, expected);
    });
}

/// A paused dispatch has no turn until it is to go on.
fn paused() {
    with(2, |world| {
        world.run(1, Script { turns: FOREVER, asks: 0, naps: 0, lasts: false, parts: 1 });
        world.wish(1, Wish::Pause);
        world.run(2, ONE);
        world.all_end(2..=2);
        // All was heard; a turn may be under way.
        let before = world.taken.load(Ordering::Relaxed);
        world.run(3, Script { turns: 4, asks: 0, naps: 0, lasts: false, parts: 1 });
        world.all_end(3..=3);
        let after = world.taken.load(Ordering::Relaxed);
        assert!(after <= before + 1, "a paused dispatch had {} turns", after - before);
        world.wish(1, Wish::Run);
        while world.taken.load(Ordering::Relaxed) == after {
            thread::yield_now();
        }
        world.wish(1, Wish::Cancel);
        assert_eq!(world.end(), (1, Wish::Cancel));
    });
}

/// Who sleeps wakes in time, or when it is cancelled.
fn asleep() {
    for threads in [1, 2] {
        with(threads, |world| {
            world.run(1, Script { turns: 3, asks: 0, naps: 4, lasts: false, parts: 1 });
            world.run(2, Script { turns: 2, asks: 1, naps: 9, lasts: false, parts: 1 });
            world.all_end(1..=2);
            world.run(3, Script { turns: FOREVER, asks: 0, naps: FOREVER, lasts: false, parts: 1 });
            world.run(4, ONE);
            world.all_end(4..=4);
            world.wish(3, Wish::Cancel);
            assert_eq!(world.end(), (3, Wish::Cancel));
        });
    }
}

/// However long a turn lasts, it holds up nobody who waits for an answer.
fn long_turn() {
    with(2, |world| {
        world.run(1, Script { turns: 1, asks: 1, naps: 0, lasts: true, parts: 1 });
        world.run(2, Script { turns: 1, asks: 1, naps: 0, lasts: false, parts: 1 });
        let mut asked = [0, 0].map(|_| world.claims.receive());
        asked.sort_unstable_by_key(|said| if let Said::Asks(request) = said { *request } else { 0 });
        for said in asked {
            let Said::Asks(request) = said else { panic!("both ask first") };
            world.answer(request);
        }
        world.all_end(1..=2);
    });
}

/// Sleepers, askers and others, wished this and that.
fn all_at_once() {
    with(3, |world| {
        world.run(1, Script { turns: 3, asks: 1, naps: 3, lasts: false, parts: 1 });
        world.run(2, Script { turns: 3, asks: 1, naps: 0, lasts: false, parts: 1 });
        world.run(3, Script { turns: 3, asks: 0, naps: 2, lasts: false, parts: 1 });
        for ticket in 1..=3 {
            world.wish(ticket, Wish::Pause);
            world.wish(ticket, Wish::Run);
        }
        world.run(4, Script { turns: 2, asks: 2, naps: 0, lasts: false, parts: 1 });
        world.all_end(1..=4);
    });
}

/// The parts of a dispatch end each for itself, and it ends once.
fn in_parts() {
    for threads in [1, 2, 3] {
        with(threads, |world| {
            world.run(SPLIT, Script { turns: 3, asks: 1, naps: 0, lasts: false, parts: 3 });
            world.run(2, ONE);
            world.wish(SPLIT, Wish::Pause);
            world.wish(SPLIT, Wish::Run);
            world.all_end(1..=2);
        });
    }
}

/// A dispatch that is cancelled while it is split has no part that goes on.
fn split_cancelled() {
    with(2, |world| {
        world.run(SPLIT, Script { turns: FOREVER, asks: 0, naps: 0, lasts: false, parts: 2 });
        world.wish(SPLIT, Wish::Cancel);
        assert_eq!(world.end(), (SPLIT, Wish::Cancel));
    });
}

/// All parts of a dispatch are cancelled with it.
fn parts_cancelled() {
    with(2, |world| {
        world.run(SPLIT, Script { turns: FOREVER, asks: 0, naps: 0, lasts: false, parts: 3 });
        world.run(2, ONE);
        world.all_end(2..=2);
        world.wish(SPLIT, Wish::Cancel);
        assert_eq!(world.end(), (SPLIT, Wish::Cancel));
    });
}
