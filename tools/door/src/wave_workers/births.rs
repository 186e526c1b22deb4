//! How the daemon makes wave workers: the zygote as it sees it, and who is being born.
//!
//! ```text
//! make(process) ──► Link, to which orders may be sent at once
//!        └─ the zygote forks ──► told() = Born(process, pidfd) | Failed(process)
//! the zygote dies ──► told() = Died, then Failed for each that was not born ──► restart()
//! ```
//! Nothing here waits for the zygote. What it does not take at once is sent later, when it has answered.
//!
//! Lock order: one lock, innermost.

use super::child::Limits;
use super::link::Link;
use super::zygote::birth::{Answer, Order};
use crate::sys;
use kfd_core::ids::ProcessId;
use kfd_core::sync::Mutex;
use notifier::watch::Pidfd;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use zerocopy::FromBytes;

/// How wave workers are made.
#[derive(Debug, Clone)]
pub struct WaveWorkersConfig {
    /// What to execute; its `main` begins with [`super::enter_if_asked`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What each worker may have.
    pub limits: Limits,
    /// Bytes of a worker's memory but for its arena: RLIMIT_DATA.
    pub data: u64,
}

impl WaveWorkersConfig {
    /// Workers with these limits, made by the current program.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![OsString::from(super::MARKER)],
            limits,
            data: 256 << 20,
        }
    }
}

/// What has become of births.
#[derive(Debug)]
pub enum Told {
    /// A worker's process is there.
    #[allow(missing_docs, reason = "the names say it")]
    Born { process: ProcessId, pid: u32, pidfd: Pidfd },
    /// A worker could not be made.
    #[allow(missing_docs, reason = "the names say it")]
    Failed { process: ProcessId, error: io::Error },
    /// The zygote has ended, and all its workers with it.
    Died,
}

/// Makes wave workers. Dropping it ends them.
pub struct WaveWorkers {
    config: WaveWorkersConfig,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    zygote: Option<Zygote>,
    /// Zygotes that have ended and were not reaped.
    ended: Vec<Child>,
    next: u64,
    /// Those that were ordered and not answered.
    coming: BTreeMap<u64, ProcessId>,
    /// Orders that the zygote did not take yet.
    unsent: VecDeque<(Vec<u8>, [OwnedFd; 3])>,
    failed: VecDeque<(ProcessId, io::Error)>,
}

struct Zygote {
    socket: OwnedFd,
    child: Child,
}

impl WaveWorkers {
    /// Starts the zygote.
    ///
    /// # Errors
    /// When it cannot be executed, or descriptors are short.
    pub fn start(config: WaveWorkersConfig) -> io::Result<Self> {
        let zygote = Some(Zygote::start(&config)?);
        Ok(Self { config, state: Mutex::new(State { zygote, ..State::default() }) })
    }

    /// Starts another zygote, when the one before has died; otherwise nothing.
    ///
    /// # Errors
    /// As of [`WaveWorkers::start`].
    pub fn restart(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.reap();
        if state.zygote.is_none() {
            state.zygote = Some(Zygote::start(&self.config)?);
        }
        Ok(())
    }

    /// Orders a worker for a process, with its arena and its page of epochs. Orders may be sent to it at once; they are read
    /// when it is there.
    ///
    /// # Errors
    /// `NotConnected`: the zygote has died. Else descriptors are short.
    pub fn make(&self, process: ProcessId, arena: OwnedFd, epochs: OwnedFd) -> io::Result<Link> {
        let (link, socket) = Link::pair()?;
        let mut state = self.state.lock();
        if state.zygote.is_none() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        state.next += 1;
        let number = state.next;
        let order = Order { number, limits: self.config.limits.clone(), data: self.config.data };
        state.coming.insert(number, process);
        state.unsent.push_back((order.encode(), [socket, arena, epochs]));
        state.send();
        Ok(link)
    }

    /// What the zygote has told, until it has told nothing more.
    pub fn told(&self) -> Option<Told> {
        let mut state = self.state.lock();
        state.reap();
        if let Some((process, error)) = state.failed.pop_front() {
            return Some(Told::Failed { process, error });
        }
        loop {
            state.send();
            match state.receive()? {
                Ok((answer, pidfd)) => {
                    // Nobody waits for an answer twice.
                    let Some(process) = state.coming.remove(&answer.number) else { continue };
                    return Some(match pidfd {
                        Some(pidfd) => Told::Born { process, pid: answer.pid, pidfd: pidfd.into() },
                        None => {
                            let error = io::Error::from_raw_os_error(answer.errno);
                            Told::Failed { process, error }
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the zygote of wave workers is gone, and its workers with it");
                    state.died();
                    return Some(Told::Died);
                }
            }
        }
    }

    /// Lends the descriptor that becomes readable when there is something to be told; there is none while there is no
    /// zygote. A new zygote has a new one.
    pub fn with_descriptor<T>(&self, f: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        self.state.lock().zygote.as_ref().map(|zygote| f(zygote.socket.as_fd()))
    }

    /// The zygote's process id, if there is one.
    #[must_use]
    pub fn zygote_pid(&self) -> Option<u32> {
        self.state.lock().zygote.as_ref().map(|zygote| zygote.child.id())
    }
}

impl Drop for WaveWorkers {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        state.died();
        for child in &mut state.ended {
            // It was killed, and does nothing that could hold it up.
            let _ = child.wait();
        }
    }
}

impl std::fmt::Debug for WaveWorkers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaveWorkers").field("zygote", &self.zygote_pid()).finish_non_exhaustive()
    }
}

impl State {
    /// Sends what the zygote takes of the orders.
    fn send(&mut self) {
        let Some(zygote) = &self.zygote else { return };
        while let Some((message, descriptors)) = self.unsent.front() {
            let descriptors = descriptors.each_ref().map(AsFd::as_fd);
            // It takes more when it has answered; its end is heard when it is listened to.
            if sys::send_message(zygote.socket.as_fd(), message, &descriptors, false).is_err() {
                return;
            }
            self.unsent.pop_front();
        }
    }

    /// The next answer; none yet, or an error when there will be none.
    fn receive(&mut self) -> Option<io::Result<(Answer, Option<OwnedFd>)>> {
        let zygote = self.zygote.as_ref()?;
        let mut buffer = [0; size_of::<Answer>() + 1];
        let received =
            sys::receive_descriptors_now(zygote.socket.as_fd(), &mut buffer, &mut sys::control_buffer());
        Some(match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => Err(error),
            Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((len, mut descriptors)) => Answer::read_from_bytes(&buffer[..len])
                .map(|answer| (answer, descriptors.pop()))
                .map_err(|_| io::ErrorKind::InvalidData.into()),
        })
    }

    /// The zygote has ended, or is to.
    fn died(&mut self) {
        if let Some(Zygote { socket, mut child }) = self.zygote.take() {
            drop(socket);
            // An error means that it has ended.
            let _ = child.kill();
            self.ended.push(child);
        }
        self.unsent.clear();
        let coming = std::mem::take(&mut self.coming);
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        self.failed.extend(coming.into_values().map(|process| (process, gone())));
    }

    fn reap(&mut self) {
        self.ended.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

impl Zygote {
    fn start(config: &WaveWorkersConfig) -> io::Result<Self> {
        let (socket, theirs) = sys::pair()?;
        let child = Command::new(&config.program)
            .arg0("kfdd-zygote")
            .args(&config.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { socket, child })
    }
}
