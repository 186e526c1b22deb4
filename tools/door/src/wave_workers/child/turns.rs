//! Who of a worker's threads does what: listens to the daemon, has a dispatch for a turn, waits for an answer, or idles.
//!
//! ```text
//!          ┌──► turn      a dispatch is in line
//!  work ───┼──► listen    nobody does
//!          └──► idle ◄─── else, until called
//!  ask ────┬──► listen    nobody does
//!          └──► waits ◄── else, until it is answered, or called to listen
//!
//!  a dispatch:  in line ◄──► had by a thread ──► over
//!                 ▲ ▼             │
//!               asleep, paused ◄──┘
//! ```
//! No thread is there for listening alone: who needs what the daemon says next listens itself. Messages are heard one at a time,
//! in the order in which they came, for listening is a right that one thread has. Who gives it up calls another that waits for
//! an answer; who then goes on with a dispatch calls an idle one, but not before a dispatch's first turn, which is short: most
//! dispatches end with it, and a wake costs more than they do; and not while its dispatch asks, for then it listens itself. Who
//! has a dispatch and finds that nobody listens glances at the socket between turns.
//!
//! A dispatch that goes on may be split: its parts are had by several threads, each as if it were a dispatch, and what is wished of
//! the dispatch is wished of each.
//!
//! Lock order: one lock, held for no call of [`Work`]. Not for: what a turn or a message is.

use super::sync::{Condvar, Instant, Mutex, mutant, now, wait};
use kfd_core::dispatch::Wish;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

/// Small faults that the models of this module must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "a model's")]
pub(super) enum Mutant {
    /// Listening is given up, and nobody is called.
    ListeningLapses,
    /// Who is answered is not told.
    AnswerUntold,
    /// The end is not told.
    EndUntold,
    /// Two threads listen.
    TwoListen,
    /// Who listens for an answer leaves a new dispatch to chance.
    LineUntold,
    /// A paused dispatch that is to run stays paused.
    PauseForever,
    /// A sleeping dispatch that is cancelled sleeps on, for ever.
    CancelSleeps,
    /// A dispatch that is to pause has its turns.
    PauseForgotten,
    /// What was wished of a dispatch during a turn is not wished of the parts that came of it.
    PartUnwished,
    /// What is wished of a dispatch is wished of its first part alone.
    PartDeaf,
}

/// What a listener heard.
pub(super) enum News<J, A> {
    /// Nothing in that time.
    Silence,
    Run(u64, J),
    Wish(u64, Wish),
    /// The answer to a request.
    Answer(u64, A),
    /// The daemon has gone, or is not to be understood.
    End,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turned<J> {
    /// There is more to do.
    More,
    /// There is more to do, and these can be done beside it.
    Split(Vec<J>),
    /// There is more to do, but not before.
    Sleeps(Instant),
    /// The dispatch or this part of it is over; with the last part the daemon was told.
    Over,
}

/// How long a listener waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all.
    None,
    Until(Instant),
    Forever,
}

/// What the threads do.
pub(super) trait Work {
    /// A dispatch.
    type Job;
    /// What an answer says.
    type Answer;

    /// Waits for the next message. One thread at a time does.
    fn listen(&self, patience: Patience) -> News<Self::Job, Self::Answer>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// Does something, or was called and will look around.
    Busy,
    Idle,
    /// Waits for an answer.
    Asks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    InLine,
    Had,
    Asleep,
    Paused,
}

/// A ticket, and which part of its dispatch.
type Key = (u64, usize);

/// All parts of a dispatch.
const fn parts(ticket: u64) -> RangeInclusive<Key> {
    (ticket, 0)..=(ticket, usize::MAX)
}

struct Dispatch<J> {
    /// `None` while a thread has it.
    job: Option<J>,
    place: Place,
    wish: Wish,
    /// It has had a turn.
    begun: bool,
}

struct State<J, A> {
    dispatches: BTreeMap<Key, Dispatch<J>>,
    line: VecDeque<Key>,
    naps: Vec<(Instant, Key)>,
    /// Requests without an answer that was taken, and who waits.
    asked: BTreeMap<u64, (usize, Option<A>)>,
    seats: Vec<Seat>,
    /// Which threads have asked in their present turn.
    asks: Vec<bool>,
    listening: bool,
    /// Somebody wakes at the end of the first nap.
    watched: bool,
    ended: bool,
}

/// See the module's head.
pub(super) struct Turns<J, A> {
    state: Mutex<State<J, A>>,
    /// One a thread.
    bells: Box<[Condvar]>,
}

enum Duty<J> {
    Turn { key: Key, job: J, wish: Wish, first: bool },
    Listen { until: Option<Instant>, watches: bool },
    End,
}

impl<J, A> Turns<J, A> {
    /// For so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            state: Mutex::new(State {
                dispatches: BTreeMap::new(),
                line: VecDeque::new(),
                naps: Vec::new(),
                asked: BTreeMap::new(),
                seats: vec![Seat::Busy; threads],
                asks: vec![false; threads],
                listening: false,
                watched: false,
                ended: false,
            }),
            bells: (0..threads).map(|_| Condvar::new()).collect(),
        }
    }

    /// What thread `seat` does until the daemon has gone. `turn` gets a dispatch, its ticket, what is wished (to run or to be
    /// cancelled), and whether it is its first turn.
    pub(super) fn work(
        &self,
        seat: usize,
        work: &impl Work<Job = J, Answer = A>,
        mut turn: impl FnMut(u64, &mut J, Wish, bool) -> Turned<J>,
    ) {
        let mut answered = false;
        loop {
            match self.next(seat, std::mem::take(&mut answered)) {
                Duty::End => return,
                Duty::Listen { until, watches } => {
                    let news = work.listen(until.map_or(Patience::Forever, Patience::Until));
                    answered = self.heard(news, true, watches);
                }
                Duty::Turn { key, mut job, wish, first } => {
                    let turned = turn(key.0, &mut job, wish, first);
                    self.turned(key, job, turned);
                    self.glance(work);
                }
            }
        }
    }

    /// Announces a request, before it is sent.
    pub(super) fn asks(&self, seat: usize, request: u64) {
        let mut state = self.state.lock();
        state.asked.insert(request, (seat, None));
        state.asks[seat] = true;
    }

    /// Waits for the answer to a request that was announced; `None` when the daemon has gone.
    pub(super) fn answer(
        &self,
        seat: usize,
        request: u64,
        work: &impl Work<Job = J, Answer = A>,
    ) -> Option<A> {
        let mut state = self.state.lock();
        loop {
            if let Some((_, Some(_))) = state.asked.get(&request) {
                let (_, answer) = state.asked.remove(&request)?;
                self.call_asking(&mut state);
                return answer;
            }
            if state.ended {
                return None;
            }
            if state.listening && !mutant(Mutant::TwoListen) {
                state.seats[seat] = Seat::Asks;
                state = wait(&self.bells[seat], state, None);
                state.seats[seat] = Seat::Busy;
                continue;
            }
            state.listening = true;
            if !mutant(Mutant::LineUntold) {
                self.call_idle(&mut state, false);
            }
            drop(state);
            self.heard(work.listen(Patience::Forever), true, false);
            state = self.state.lock();
        }
    }

    /// Whether a dispatch is to be cancelled, or everything ends.
    pub(super) fn is_unwanted(&self, ticket: u64) -> bool {
        let state = self.state.lock();
        let any = state.dispatches.range(parts(ticket)).next();
        state.ended || any.is_none_or(|(_, dispatch)| dispatch.wish == Wish::Cancel)
    }

    /// The next thing to do; waits for it. `answered`: this thread has just heard the answer to another, who is in a turn.
    fn next(&self, seat: usize, mut answered: bool) -> Duty<J> {
        let mut state = self.state.lock();
        let asks = std::mem::take(&mut state.asks[seat]);
        loop {
            if state.ended {
                return Duty::End;
            }
            state.wake(now());
            if let Some((key, job, wish, first)) = state.take() {
                // Its first turn is short, and this thread listens after it. One that asks listens by itself.
                if !first || !state.line.is_empty() {
                    self.call_idle(&mut state, !first && !asks);
                }
                self.call_asking(&mut state);
                return Duty::Turn { key, job, wish, first };
            }
            let until = state.first_nap().filter(|_| !state.watched);
            state.watched |= until.is_some();
            // Who asks once asks again, and its answers come to it sooner when it listens itself. It looks after listening
            // when its turn is over, if not before.
            if !state.listening && !answered {
                state.listening = true;
                return Duty::Listen { until, watches: until.is_some() };
            }
            state.seats[seat] = Seat::Idle;
            state = wait(&self.bells[seat], state, until);
            state.seats[seat] = Seat::Busy;
            state.watched &= until.is_none();
            answered = false;
        }
    }

    /// Takes in what was heard, by the thread that has the right to listen; `last` gives the right up, and whoever does
    /// looks after it that somebody listens. Whether it was an answer for which another waits.
    fn heard(&self, news: News<J, A>, last: bool, watched: bool) -> bool {
        let mut state = self.state.lock();
        let mut answers = false;
        state.watched &= !watched;
        match news {
            News::Silence => {}
            News::Run(ticket, job) => {
                let new = Dispatch { job: Some(job), place: Place::InLine, wish: Wish::Run, begun: false };
                state.dispatches.insert((ticket, 0), new);
                state.line.push_back((ticket, 0));
            }
            News::Wish(ticket, wish) => state.wish(ticket, wish),
            News::Answer(request, answer) => {
                if let Some((seat, place)) = state.asked.get_mut(&request) {
                    let seat = *seat;
                    *place = Some(answer);
                    answers = state.seats[seat] == Seat::Asks;
                    if answers && !mutant(Mutant::AnswerUntold) {
                        self.call(&mut state, seat);
                    }
                }
            }
            News::End => {
                state.ended = true;
                if !mutant(Mutant::EndUntold) {
                    self.bells.iter().for_each(Condvar::notify_one);
                }
            }
        }
        if last {
            state.listening = false;
        }
        answers
    }

    /// A thread gives a dispatch back.
    fn turned(&self, key: Key, job: J, turned: Turned<J>) {
        let mut state = self.state.lock();
        let Some(dispatch) = state.dispatches.get_mut(&key) else { return };
        dispatch.begun = true;
        let wish = dispatch.wish;
        match turned {
            Turned::Over => {
                state.dispatches.remove(&key);
            }
            Turned::Sleeps(until) if wish == Wish::Run => {
                (dispatch.job, dispatch.place) = (Some(job), Place::Asleep);
                state.naps.push((until, key));
            }
            // One that is to pause stands still when its turn comes.
            Turned::More | Turned::Sleeps(_) => {
                (dispatch.job, dispatch.place) = (Some(job), Place::InLine);
                state.line.push_back(key);
            }
            Turned::Split(others) => {
                (dispatch.job, dispatch.place) = (Some(job), Place::InLine);
                state.line.push_back(key);
                state.split(key.0, wish, others);
            }
        }
    }

    /// Hears what is there, if nobody listens and this thread will not: it has more to do.
    fn glance(&self, work: &impl Work<Job = J, Answer = A>) {
        {
            let mut state = self.state.lock();
            if state.ended || state.listening || state.line.is_empty() {
                return;
            }
            state.listening = true;
        }
        loop {
            let news = work.listen(Patience::None);
            let last = matches!(news, News::Silence | News::End);
            self.heard(news, last, false);
            if last {
                return self.call_asking(&mut self.state.lock());
            }
        }
    }

    fn call(&self, state: &mut State<J, A>, seat: usize) {
        state.seats[seat] = Seat::Busy;
        self.bells[seat].notify_one();
    }

    /// Calls an idle thread if there is anything for it to do; `to_listen`: listening is.
    fn call_idle(&self, state: &mut State<J, A>, to_listen: bool) {
        let unheard = to_listen && !state.listening;
        let needed = !state.line.is_empty() || unheard || !(state.watched || state.naps.is_empty());
        if needed && let Some(idle) = state.seats.iter().position(|seat| *seat == Seat::Idle) {
            self.call(state, idle);
        }
    }

    /// Calls a thread that waits for an answer if nobody listens.
    fn call_asking(&self, state: &mut State<J, A>) {
        if !state.listening
            && !mutant(Mutant::ListeningLapses)
            && let Some(asks) = state.seats.iter().position(|seat| *seat == Seat::Asks)
        {
            self.call(state, asks);
        }
    }
}

impl<J, A> State<J, A> {
    fn wish(&mut self, ticket: u64, wish: Wish) {
        for (key, dispatch) in self.dispatches.range_mut(parts(ticket)) {
            // There is no way back from it.
            if dispatch.wish != Wish::Cancel && (key.1 == 0 || !mutant(Mutant::PartDeaf)) {
                dispatch.wish = wish;
            }
            match (dispatch.place, dispatch.wish) {
                (Place::Paused, Wish::Run | Wish::Cancel) if !mutant(Mutant::PauseForever) => {}
                (Place::Asleep, Wish::Cancel | Wish::Pause) if !mutant(Mutant::CancelSleeps) => {
                    self.naps.retain(|(_, napping)| napping != key);
                }
                _ => continue,
            }
            dispatch.place = Place::InLine;
            self.line.push_back(*key);
        }
    }

    /// Further parts of a dispatch line up.
    fn split(&mut self, ticket: u64, wish: Wish, others: Vec<J>) {
        let wish = if mutant(Mutant::PartUnwished) { Wish::Run } else { wish };
        let last = self.dispatches.range(parts(ticket)).next_back().map_or(0, |(key, _)| key.1);
        for (job, part) in others.into_iter().zip(last + 1..) {
            let new = Dispatch { job: Some(job), place: Place::InLine, wish, begun: true };
            self.dispatches.insert((ticket, part), new);
            self.line.push_back((ticket, part));
        }
    }

    /// The dispatch whose turn it is.
    fn take(&mut self) -> Option<(Key, J, Wish, bool)> {
        while let Some(key) = self.line.pop_front() {
            let Some(dispatch) = self.dispatches.get_mut(&key) else { continue };
            if dispatch.wish == Wish::Pause && !mutant(Mutant::PauseForgotten) {
                dispatch.place = Place::Paused;
                continue;
            }
            if let Some(job) = dispatch.job.take() {
                dispatch.place = Place::Had;
                return Some((key, job, dispatch.wish, !dispatch.begun));
            }
        }
        None
    }

    fn first_nap(&self) -> Option<Instant> {
        self.naps.iter().map(|(until, _)| *until).min()
    }

    /// Those whose nap has ended line up.
    fn wake(&mut self, now: Instant) {
        let mut at = 0;
        while at < self.naps.len() {
            if self.naps[at].0 > now {
                at += 1;
                continue;
            }
            let (_, key) = self.naps.swap_remove(at);
            if let Some(dispatch) = self.dispatches.get_mut(&key) {
                dispatch.place = Place::InLine;
                self.line.push_back(key);
            }
        }
    }
}
