//! The event loop: one thread, one io_uring ring, and the only place where teardowns run.
//!
//! It sleeps without a timer until a client's pidfd fires, the earliest deadline passes, somebody connects to the
//! control socket or something lands in the [`Mailbox`]; a service manager's watchdog adds the timer of its pings. It
//! never blocks on a client and never reads client memory.
//! A death arrives as the pidfd's event or as a token that another thread won; either way the token's steps run here:
//! doomed → queues stopped → waiters answered → unpublished, and the last reference's put does the rest.

use crate::control::server;
use crate::drain;
use crate::mailbox::{Letter, Mailbox};
use crate::served::Served;
use crate::service::Service;
use crate::waves::Next;
use door::wave_workers::Told;
use kfd_core::death::{Cause, Doom, Doomed};
use kfd_core::ids::{ProcessId, Tgid};
use notifier::watch::{Event, Interest, Monotonic, Pidfd, SetupError, Token, Watcher};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

/// Token tags; slot and generation of a client's token are its process id's.
mod tag {
    pub const CLIENT: u8 = 0;
    pub const DEADLINE: u8 = 1;
    pub const CONTROL: u8 = 2;
    pub const WATCHDOG: u8 = 3;
    /// The socket of a client's wave worker.
    pub const WAVES: u8 = 4;
    /// Its process.
    pub const WAVE_WORKER: u8 = 5;
    /// The zygote of wave workers.
    pub const ZYGOTE: u8 = 6;
}

/// The running event loop.
#[derive(Debug)]
pub struct EventLoop {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl EventLoop {
    /// Starts the thread; it pings the watchdog of `service`, if that has one.
    ///
    /// # Errors
    /// The ring could not be made (io_uring missing or forbidden) or there is no thread to be had.
    pub fn start(
        served: Arc<Served>,
        mailbox: Arc<Mailbox>,
        listener: UnixListener,
        service: Option<Arc<Service>>,
    ) -> Result<Self, SetupError> {
        let (ready, started) = channel();
        let letters = Arc::clone(&mailbox);
        let thread = std::thread::Builder::new().name("kfdd-events".to_owned()).spawn(move || {
            // The ring belongs to the thread that makes it (SINGLE_ISSUER).
            let looped = Loop::new(served, letters, listener, service);
            match looped {
                Ok(looped) => {
                    drop(ready.send(Ok(())));
                    looped.run();
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        let thread = thread.map_err(SetupError::Resources)?;
        started
            .recv()
            .map_err(|_| SetupError::Resources(io::Error::other("the event loop ended at once")))??;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    /// Dooms every process and runs all their teardowns; returns when each is unpublished.
    pub fn doom_all(&self) {
        let (done, wait) = channel();
        self.mailbox.put(Letter::DoomAll { done });
        if wait.recv().is_err() {
            tracing::error!("the event loop ended before the drain");
        }
    }

    fn end(&mut self) {
        self.mailbox.put(Letter::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the event loop panicked");
        }
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.end();
    }
}

struct Loop {
    served: Arc<Served>,
    mailbox: Arc<Mailbox>,
    watcher: Watcher,
    listener: UnixListener,
    service: Option<Arc<Service>>,
}

impl Loop {
    fn new(
        served: Arc<Served>,
        mailbox: Arc<Mailbox>,
        listener: UnixListener,
        service: Option<Arc<Service>>,
    ) -> Result<Self, SetupError> {
        let watcher = Watcher::with_handle(mailbox.bell())?;
        let mut this = Self { served, mailbox, watcher, listener, service };
        this.listen().map_err(SetupError::Resources)?;
        this.arm_watchdog();
        this.listen_to_zygote();
        Ok(this)
    }

    fn listen(&mut self) -> io::Result<()> {
        self.watcher.poll_fd(self.listener.as_fd(), Interest::Read, Token::new(0, 0, tag::CONTROL))
    }

    fn run(mut self) {
        let mut events = Vec::new();
        loop {
            for letter in self.mailbox.take() {
                match letter {
                    Letter::Watch { process, tgid, pidfd } => self.watch(process, tgid, &pidfd),
                    Letter::Doomed(doom) => self.teardown(doom),
                    Letter::Deadline => self.arm(),
                    Letter::WaveWorker(process) => self.listen_to_worker(process),
                    Letter::DoomAll { done } => {
                        self.doom_all();
                        // Nobody waits any more when the caller is gone.
                        let _ = done.send(());
                    }
                    Letter::Stop => return,
                }
            }
            events.clear();
            if let Err(error) = self.watcher.wait(&mut events) {
                tracing::error!(%error, "the event ring failed; the daemon cannot see deaths any more");
                return;
            }
            for event in &events {
                self.event(*event);
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Died(token) if token.tag() == tag::CLIENT => self.doom(process_of(token), Cause::Exited),
            Event::Failed(token, errno) if token.tag() == tag::CLIENT => {
                tracing::error!(process = %process_of(token), errno, "this client's death can no longer be watched");
                self.doom(process_of(token), Cause::Evicted);
            }
            Event::Ready(token, _) | Event::Failed(token, _) if token.tag() == tag::WAVES => {
                self.serve_worker(process_of(token));
            }
            Event::Died(token) | Event::Failed(token, _) if token.tag() == tag::WAVE_WORKER => {
                if let Some(waves) = &self.served.waves {
                    waves.ended(&self.served.core, &self.served.workers, process_of(token));
                }
            }
            Event::Ready(token, _) | Event::Failed(token, _) if token.tag() == tag::ZYGOTE => self.births(),
            Event::Expired(token) if token.tag() == tag::WATCHDOG => {
                if let Some(service) = &self.service {
                    service.ping();
                }
                self.arm_watchdog();
            }
            Event::Expired(_) => {
                self.served.core.tick(self.served.core.now());
                self.arm();
            }
            Event::Ready(token, _) | Event::Failed(token, _) if token.tag() == tag::CONTROL => {
                server::accept_all(&self.listener, &self.served);
                if let Err(error) = self.listen() {
                    tracing::error!(%error, "the control socket is deaf from now on");
                }
            }
            // A wake-up's letters are taken at the top of every turn.
            Event::Woken | Event::Died(_) | Event::Ready(..) | Event::Failed(..) => {}
        }
    }

    fn watch(&mut self, process: ProcessId, tgid: Tgid, pidfd: &Pidfd) {
        let token = Token::new(process.slot, process.generation, tag::CLIENT);
        if let Err(error) = self.watcher.watch_death(pidfd.as_fd(), token) {
            // A client whose death cannot be seen must not be served: its resources would have no end.
            tracing::error!(tgid = tgid.0, %error, "cannot watch this client's death; it is evicted");
            self.doom(process, Cause::Evicted);
        }
    }

    /// A client's wave worker says something.
    fn serve_worker(&mut self, process: ProcessId) {
        let Some(waves) = &self.served.waves else { return };
        if waves.serve(&self.served.core, &self.served.workers, process) == Next::Listen {
            self.listen_to_worker(process);
        }
    }

    fn listen_to_worker(&mut self, process: ProcessId) {
        let Some(waves) = self.served.waves.clone() else { return };
        let token = Token::new(process.slot, process.generation, tag::WAVES);
        let listens =
            waves.with_socket(process, |socket| self.watcher.poll_fd(socket, Interest::Read, token));
        if let Some(Err(error)) = listens {
            tracing::error!(%process, %error, "a wave worker cannot be heard: it is killed");
            waves.kill(process);
        }
    }

    /// The zygote has made workers.
    fn births(&mut self) {
        let Some(waves) = self.served.waves.clone() else { return };
        while let Some(told) = waves.told() {
            match told {
                Told::Born { process, pid, pidfd } => {
                    let token = Token::new(process.slot, process.generation, tag::WAVE_WORKER);
                    let watched = self.watcher.watch_death(pidfd.as_fd(), token);
                    waves.born(process, pid, pidfd);
                    if let Err(error) = watched {
                        tracing::error!(%process, %error, "a wave worker's death cannot be watched: it is killed");
                        waves.kill(process);
                    }
                }
                Told::Failed { process, error } => {
                    tracing::warn!(%process, %error, "a wave worker could not be made");
                    waves.ended(&self.served.core, &self.served.workers, process);
                }
                Told::Died => waves.restart(),
            }
        }
        self.listen_to_zygote();
    }

    fn listen_to_zygote(&mut self) {
        let Some(waves) = self.served.waves.clone() else { return };
        let token = Token::new(0, 0, tag::ZYGOTE);
        let listens = waves.with_zygote(|socket| self.watcher.poll_fd(socket, Interest::Read, token));
        if let Some(Err(error)) = listens {
            tracing::error!(%error, "the zygote of wave workers cannot be heard");
        }
    }

    fn arm(&mut self) {
        let token = Token::new(0, 0, tag::DEADLINE);
        match self.served.core.next_due() {
            Some(at) => self.watcher.set_deadline(token, Monotonic::from_nanos(at.0)),
            None => {
                self.watcher.clear_deadline(token);
            }
        }
    }

    fn arm_watchdog(&mut self) {
        if let Some(every) = self.service.as_ref().and_then(|service| service.ping_every()) {
            self.watcher.set_deadline(Token::new(0, 0, tag::WATCHDOG), Monotonic::now() + every);
        }
    }

    fn doom(&mut self, process: ProcessId, cause: Cause) {
        if let Some(doom) = self.served.core.doom(process, cause) {
            self.teardown(doom);
        }
    }

    fn doom_all(&mut self) {
        let (core, mailbox) = (Arc::clone(&self.served.core), Arc::clone(&self.mailbox));
        let tokens = || {
            let token = |letter| if let Letter::Doomed(doom) = letter { Some(doom) } else { None };
            mailbox.take().into_iter().filter_map(token).collect()
        };
        drain::doom_all(&core, tokens, |doom| self.teardown(doom));
    }

    fn teardown(&mut self, doom: Doom<Doomed>) {
        let core = &self.served.core;
        let process = doom.process();
        if let Some(waves) = &self.served.waves {
            // Before the walk, which its waves would outlast.
            waves.doomed(process);
        }
        doom.stop_queues(core).answer_waiters(core).unpublish(core);
        self.served.unpublished(process);
        let watched = Token::new(process.slot, process.generation, tag::CLIENT);
        if let Err(error) = self.watcher.cancel(watched) {
            // The watch then fires once more and finds nobody.
            tracing::debug!(%process, %error, "a death watch could not be cancelled");
        }
    }
}

fn process_of(token: Token) -> ProcessId {
    ProcessId { slot: token.slot(), generation: token.generation() }
}
