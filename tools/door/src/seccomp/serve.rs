//! The threads that answer stopped calls, one for each listener.
//!
//! ```text
//! receive → whose file is it? → struct and pointers through the memory worker → Core::call
//!         → descriptor into the caller's table → struct and results written → answer
//! ```
//! A caller's number is its thread's for as long as the call waits, so that is asked after every look-up by the number.
//! A thread of its own for each listener, because putting a descriptor into the caller's table waits for the caller: one that
//! does not run delays its own calls and nobody else's. Nothing of the caller's is read, opened or asked here: its file and
//! its descriptors are told by their inodes, its memory is the workers'.
//!
//! Lock order: the list of listeners is a leaf.

use super::sys::{self, Stopped};
use crate::fuse::{Calls, ClientMemory, FuseDoor};
use crate::gather::{Plan, scatter, scattered};
use crate::identity::{self, claim};
use kfd_core::abi::admitted::Admitted;
use kfd_core::abi::spec::{DescriptorKind, Ioctl, Returned};
use kfd_core::abi::{ioc, table};
use kfd_core::call::{ARG_MAX, Arg, Caller, Done, Errno, Gathered, Outcome, Refused, UserWrite};
use kfd_core::ids::{CallId, ProcessId, Tid, Uid, UserVa};
use kfd_core::notice::{UserAccess, UserAnswer};
use kfd_core::sync::Mutex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

/// This door's number in a [`CallId`].
const DOOR: u16 = 2;

/// How many listeners one user may have served, and how many there may be in all.
const PER_USER: usize = 32;
const IN_ALL: usize = 256;

/// Why a listener is not served.
#[derive(Debug, thiserror::Error)]
pub enum ListenerRefused {
    /// The descriptor is something else.
    #[error("that descriptor is no seccomp listener")]
    NoListener,
    /// So many commands are served that this one would be too many.
    #[error("too many commands are served already")]
    TooMany,
    /// There is no thread to be had, or the door is closed.
    #[error("no thread serves it")]
    NoThread(#[source] io::Error),
}

/// The listeners of commands, and the threads that serve them.
pub struct SeccompDoor {
    serving: Arc<Serving>,
    listeners: Mutex<Vec<Listener>>,
    /// Readable once the door closes.
    closing: Arc<EventFd>,
}

struct Listener {
    uid: Uid,
    thread: JoinHandle<()>,
}

/// What a thread serves with.
struct Serving {
    calls: Arc<dyn Calls>,
    memory: Arc<dyn ClientMemory>,
    nodes: Arc<FuseDoor>,
}

/// How a stopped call goes on.
enum Answer {
    /// As if nobody had stopped it.
    GoesOn,
    /// It ends with this value.
    Value(i32),
    /// It ends with this errno.
    Errno(Errno),
    /// Its caller is gone: there is nobody to answer.
    Gone,
}

impl SeccompDoor {
    /// A door without listeners, whose calls mean what `calls` says and whose files are those of `nodes`.
    ///
    /// # Errors
    /// No descriptor for its end.
    pub fn new<C: Calls, M: ClientMemory>(
        calls: Arc<C>,
        memory: Arc<M>,
        nodes: Arc<FuseDoor>,
    ) -> io::Result<Self> {
        let closing = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let serving = Arc::new(Serving { calls, memory, nodes });
        Ok(Self { serving, listeners: Mutex::default(), closing: Arc::new(closing) })
    }

    /// Serves a listener that somebody of this user has handed over, until its last process ends.
    ///
    /// # Errors
    /// [`ListenerRefused`].
    pub fn add(&self, listener: OwnedFd, uid: Uid) -> Result<(), ListenerRefused> {
        // What it is says its link; asking a file that is none could wait for whoever serves it.
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd()));
        if !link.is_ok_and(|link| link.as_os_str() == "anon_inode:seccomp notify") {
            return Err(ListenerRefused::NoListener);
        }
        let mut listeners = self.listeners.lock();
        listeners.retain(|listener| !listener.thread.is_finished());
        let of_user = listeners.iter().filter(|listener| listener.uid == uid).count();
        if of_user >= PER_USER || listeners.len() >= IN_ALL {
            return Err(ListenerRefused::TooMany);
        }
        let (serving, closing) = (Arc::clone(&self.serving), Arc::clone(&self.closing));
        let thread = std::thread::Builder::new().name("kfdd-seccomp".to_owned());
        let thread = thread
            .spawn(move || serve(&serving, listener.as_fd(), closing.as_fd()))
            .map_err(ListenerRefused::NoThread)?;
        listeners.push(Listener { uid, thread });
        Ok(())
    }

    /// Serves no more: what stops from now on is ENOSYS. Waits for calls under way, but not for one whose caller does not run.
    pub fn stop(&self) {
        if let Err(error) = self.closing.write(1) {
            tracing::error!(%error, "the threads of listeners are not told to end");
            return;
        }
        let listeners = std::mem::take(&mut *self.listeners.lock());
        let until = std::time::Instant::now() + std::time::Duration::from_secs(2);
        for Listener { thread, .. } in listeners {
            while !thread.is_finished() && std::time::Instant::now() < until {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            if !thread.is_finished() {
                tracing::warn!("a listener's thread waits for its caller; it ends with it");
            } else if thread.join().is_err() {
                tracing::error!("a listener's thread panicked");
            }
        }
    }
}

impl Drop for SeccompDoor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for SeccompDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeccompDoor")
    }
}

fn serve(serving: &Serving, listener: BorrowedFd<'_>, closing: BorrowedFd<'_>) {
    loop {
        let mut wait = [PollFd::new(listener, PollFlags::POLLIN), PollFd::new(closing, PollFlags::POLLIN)];
        match poll(&mut wait, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => {
                tracing::error!(%error, "a listener cannot be waited for");
                return;
            }
        }
        let seen = |at: usize| wait[at].revents().unwrap_or(PollFlags::POLLERR);
        if !seen(1).is_empty() {
            return;
        }
        if seen(0).contains(PollFlags::POLLIN) {
            match sys::receive(listener) {
                Ok(Some(call)) => serving.answer(listener, &call),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a listener is served no more");
                    return;
                }
            }
        } else if !seen(0).is_empty() {
            // POLLHUP: its last process has ended.
            return;
        }
    }
}

impl Serving {
    fn answer(&self, listener: BorrowedFd<'_>, call: &Stopped) {
        let sent = match self.call(listener, call) {
            Answer::GoesOn => sys::answer(listener, call.id, 0, 0, true),
            Answer::Value(value) => sys::answer(listener, call.id, i64::from(value), 0, false),
            Answer::Errno(Errno(errno)) => sys::answer(listener, call.id, 0, -errno, false),
            Answer::Gone => return,
        };
        if let Err(error) = sent {
            // ENOENT: the caller died in the end.
            tracing::debug!(%error, tid = call.tid, "an answer found nobody");
        }
    }

    fn call(&self, listener: BorrowedFd<'_>, call: &Stopped) -> Answer {
        let [fd, command, at, ..] = call.args;
        let (tid, command) = (Tid(call.tid), command as u32);
        let Some(ioctl) = table::lookup(command).filter(|row| row.passes()) else { return Answer::GoesOn };
        let Some(node) = claim::file(tid, fd as u32).and_then(|file| self.nodes.opened(&file)) else {
            return Answer::GoesOn;
        };
        let caller = Caller {
            process: node.process,
            node: node.node,
            file: node.file,
            tgid: node.tgid,
            tid,
            call: CallId { door: DOOR, serial: call.id },
        };
        if !identity::belongs(caller.tgid, tid) {
            return Answer::Errno(Errno::BADF);
        }
        if !sys::is_waiting(listener, call.id) {
            return Answer::Gone;
        }
        match self.serve(listener, call, ioctl, &caller, command, UserVa(at)) {
            Ok(answer) => answer,
            Err(errno) => Answer::Errno(errno),
        }
    }

    /// A call on one of our files by its owner.
    fn serve(
        &self,
        listener: BorrowedFd<'_>,
        call: &Stopped,
        ioctl: &'static Ioctl,
        caller: &Caller,
        command: u32,
        at: UserVa,
    ) -> Result<Answer, Errno> {
        let size = ioc::size(command);
        if size > ARG_MAX {
            return Err(Errno::INVAL);
        }
        let bytes = self.read(caller.process, at, size)?;
        let admitted = Admitted::new(ioctl, &bytes).ok_or(Errno::INVAL)?;
        let mut plan = Plan::new(&admitted)?;
        let accesses = plan.take_accesses();
        let gathered = plan.collect(self.access(caller.process, accesses))?;
        let file = match ioctl.descriptor_of(admitted.arg().bytes()) {
            Some((DescriptorKind::DmaBuf, number)) => claim::file(caller.tid, number),
            Some((DescriptorKind::Pipe, _)) | None => None,
        };
        if !sys::is_waiting(listener, call.id) {
            return Ok(Answer::Gone);
        }
        let gathered = gathered.with(Gathered { file, passes: true, ..Gathered::default() });
        match self.calls.serve(caller, &admitted, gathered) {
            Outcome::Done(Done { mut arg, writes, fds, value }) => {
                for fd in fds {
                    let Some(returned) = ioctl.returned else { return Err(Errno::IO) };
                    let added = sys::add(listener, call.id, fd.as_fd(), closes_at_exec(returned, &arg));
                    drop(fd);
                    match added {
                        Ok(number) => put(&mut arg, returned.offset, number),
                        Err(error) => {
                            self.calls.undelivered(caller.process);
                            return match error.raw_os_error() {
                                Some(libc::ENOENT) => Ok(Answer::Gone),
                                errno => Err(Errno(errno.unwrap_or(libc::EIO))),
                            };
                        }
                    }
                }
                self.write(caller.process, at, ioctl.emit(&arg, size), writes)?;
                Ok(Answer::Value(value))
            }
            Outcome::Refused(Refused { errno, arg, writes }) => {
                self.write(caller.process, at, ioctl.emit(&arg, size), writes)?;
                Ok(Answer::Errno(errno))
            }
            Outcome::Parked => {
                tracing::error!(call = ioctl.name, "a call that cannot wait was parked");
                Err(Errno::IO)
            }
        }
    }

    fn read(&self, process: ProcessId, va: UserVa, size: usize) -> Result<Vec<u8>, Errno> {
        if size == 0 {
            return Ok(Vec::new());
        }
        let len = u32::try_from(size).map_err(|_| Errno::INVAL)?;
        match self.access(process, vec![UserAccess::Read { va, len }]).pop() {
            Some(UserAnswer::Done(bytes)) if bytes.len() == size => Ok(bytes),
            Some(_) | None => Err(Errno::FAULT),
        }
    }

    fn write(
        &self,
        process: ProcessId,
        va: UserVa,
        arg: &[u8],
        mut writes: Vec<UserWrite>,
    ) -> Result<(), Errno> {
        if !arg.is_empty() {
            writes.push(UserWrite { va, bytes: arg.to_vec() });
        }
        let accesses = scatter(writes);
        let wanted = accesses.len();
        let answers = self.access(process, accesses);
        if answers.len() < wanted { Err(Errno::FAULT) } else { scattered(&answers) }
    }

    /// Makes the accesses and waits for their answers, of which there are none when the client is gone; the workers'
    /// deadline bounds the wait.
    fn access(&self, process: ProcessId, accesses: Vec<UserAccess>) -> Vec<UserAnswer> {
        if accesses.is_empty() {
            return Vec::new();
        }
        let (tell, hear) = mpsc::sync_channel(1);
        let done = move |answers: Vec<UserAnswer>| {
            // Nobody waits when the thread has ended.
            let _ = tell.send(answers);
        };
        self.memory.submit(process, accesses, Box::new(done));
        hear.recv().unwrap_or_default()
    }
}

fn closes_at_exec(returned: Returned, arg: &Arg) -> bool {
    let Some(at) = returned.flags else { return false };
    let word =
        arg.bytes().get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_ne_bytes);
    word & libc::O_CLOEXEC as u32 != 0
}

fn put(arg: &mut Arg, at: usize, number: u32) {
    if let Some(field) = arg.bytes_mut().get_mut(at..at + 4) {
        field.copy_from_slice(&number.to_ne_bytes());
    }
}
